import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readState } from '../../../../infra/substrates/docker/state.ts';
import { runTerraform, shortTempDir } from '../../../../infra/substrates/docker/terraform-cli.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

/**
 * A program that leaves a socket behind, as a killed plugin does, prints the path of the socket, and then runs the
 * command `after`.
 */
function program(name: string, after: string): { path: string; said: string } {
  mkdirSync(state.path, { recursive: true });
  const path = join(state.path, name);
  const said = join(state.path, `${name}.said`);
  writeFileSync(path, `#!/bin/sh\ntouch "$TMPDIR/plugin1"\necho "$TMPDIR" >${said}\n${after}\n`, {
    mode: 0o755,
  });
  return { path, said };
}

it('a call has a separate folder for temporary files, which is removed afterwards', async () => {
  const { path, said } = program('once', 'exit 7');
  const folders = new Set<string>();
  for (const _ of [1, 2]) {
    const record = await runTerraform([], state.path, { program: path });
    expect(record.exitCode).toBe(7);
    folders.add(readFileSync(said, 'utf8').trim());
  }
  expect(folders.size).toBe(2);
  for (const folder of folders) expect(existsSync(folder)).toBe(false);
});

it('the folder for temporary files is also removed after an interruption', async () => {
  const { path, said } = program('hanging', 'exec sleep 60');
  const interruption = new AbortController();
  const running = runTerraform([], state.path, { program: path, signal: interruption.signal });
  await waitUntil('the program to run', async () => existsSync(said));
  interruption.abort(new Error('as by Ctrl-C'));
  await expect(running).rejects.toThrow('as by Ctrl-C');
  expect(existsSync(readFileSync(said, 'utf8').trim())).toBe(false);
});

it('the path of the folder for temporary files is short enough for a socket name', () => {
  expect(shortTempDir('/tmp/somewhere')).toBe('/tmp/somewhere');
  expect(shortTempDir(`/${'x'.repeat(90)}`)).toBe('/tmp');
});

it('an invalid state file is rejected with its path', async () => {
  const config = configuration('broken');
  const path = join(state.path, 'docker', 'broken', 'terraform.tfstate');
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '{ half');
  await expect(readState(config, { stateDir: state.path })).rejects.toMatchObject({
    code: 'STATE_UNREADABLE',
    where: path,
  });
});
