/**
 * Contract of the operator's commands: each command works in every kind of environment, with the same results, and with
 * `--json`. The suite takes a function that opens the environment.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { canaryCommands } from './canary-commands.ts';
import { clearCommand, inspectCommand, statsCommand } from './key-commands.ts';
import { type CommandPlace, type OpenPlace, openPlace } from './place.ts';
import { savingsCommand, sizingCommand, topCommand, warmCommand } from './use-commands.ts';

export function commandsContract(title: string, open: () => Promise<CommandPlace>): void {
  describe(`the operator's commands on ${title}`, () => {
    let dir: string | undefined;
    let place: CommandPlace | undefined;
    let opened: OpenPlace | undefined;
    const get = (): OpenPlace => {
      if (opened === undefined) throw new Error('the environment is not open');
      return opened;
    };

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'kit-commands-'));
      place = await open();
      opened = await openPlace(place, dir);
    });

    afterAll(async () => {
      await opened?.cache.close();
      await opened?.data[Symbol.asyncDispose]();
      await place?.[Symbol.asyncDispose]();
      if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
    });

    statsCommand(get);
    clearCommand(get);
    inspectCommand(get);
    warmCommand(get);
    topCommand(get);
    sizingCommand(get);
    savingsCommand(get);
    canaryCommands(get);
  });
}
