import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import { environmentText, environmentView } from './environment-view.ts';
import { type FindOptions, findAnywhere, requestedEnvironment } from './find-environment.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

/** Time, in ms, allowed for a sentinel to apply a change that it is receiving; `kit status` waits for nothing else. */
const SETTLE_MS = 1_000;

/** `kit status`: shows the running nodes. Exits with 0 if all of them are running and agree, otherwise with 1. */
export function status(program: Command, session: Session): void {
  program
    .command('status')
    .summary('show the nodes, their addresses and roles')
    .description(
      'Show the nodes of a running environment, and differences from its current configuration.\nExit code 0: all nodes run and agree on one master; 1: otherwise.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(common.json())
    .addHelpText('after', examples(['kit status', 'dev'], ['kit status --json | jq .nodes', 'for programs']))
    .action(async (options: FindOptions) => {
      const asked = requestedEnvironment(options);
      const { found, notes } = await findAnywhere(options.substrate, asked);
      const differences = asked.problem === undefined ? [] : [`configuration: ${asked.problem}`];
      if (found === undefined) {
        session.exitCode = EXIT.NO_GO;
        const view = {
          environment: asked.name,
          running: false,
          nodes: [],
          notes: [...notes, ...differences],
        };
        printResult(session, view, [`${asked.name}: not running`, ...view.notes].join('\n'));
        return;
      }
      const { environment } = found;
      try {
        const all = { ...found, differences: [...differences, ...found.differences] };
        const view = await environmentView(all, SETTLE_MS);
        session.exitCode = view.healthy ? EXIT.GO : EXIT.NO_GO;
        printResult(session, view, environmentText(view));
      } finally {
        await environment[Symbol.asyncDispose]();
      }
    });
}
