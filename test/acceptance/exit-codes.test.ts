/** Every exit code once, through `npm run`, as in the README. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';

const cli = new CliHarness();
afterAll(() => cli[Symbol.asyncDispose]());

/** `npm run` uses the state directory of the checkout, so the environment needs a unique name. */
const OWN = `exit-codes-${process.pid}`;
const file = cli.writeEnvironment(OWN);

function npmRun(...args: string[]): ChildProcess & { readonly output: Promise<readonly [string, string]> } {
  const child = spawn('npm', ['run', '--silent', 'kit', '--', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return Object.assign(child, { output: Promise.all([text(child.stdout), text(child.stderr)]) });
}

/** The exit code as a shell reports it: if npm is killed by a signal, 128 plus the signal number. */
async function waitForExit(child: ReturnType<typeof npmRun>) {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  const [out, err] = await child.output;
  return { exitCode: signal === null ? code : 128 + constants.signals[signal], out, err };
}

describe('npm run --silent kit', () => {
  it.each([
    [EXIT.GO, 'the command succeeded', ['drill', '--list', '--json']],
    [EXIT.NO_GO, 'the environment is not running', ['status', '--env', file, '--json']],
    [EXIT.USAGE, 'the command line is wrong', ['drill', 'master-crush', '--json']],
    [EXIT.UNKNOWN, 'there is nothing to judge', ['analyze', cli.path, '--json']],
  ])('exits with %i when %s, and stdout is one JSON value', async (expected, _when, args) => {
    const { exitCode, out } = await waitForExit(npmRun(...args));
    expect(exitCode, out).toBe(expected);
    expect(() => JSON.parse(out)).not.toThrow();
  });

  it('exits with 130 on Ctrl-C, which reaches both npm and kit, and leaves nothing behind', async () => {
    const child = npmRun('drill', 'hit-miss', '--env', file, '--out', `${cli.path}/run`);
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    process.kill(-(child.pid as number), 'SIGINT');
    const { exitCode, err } = await waitForExit(child);
    expect(exitCode, err).toBe(EXIT.INTERRUPTED);
    const down = await waitForExit(npmRun('down', '--env', file));
    expect(down).toMatchObject({ exitCode: EXIT.GO, out: `${OWN}: nothing to stop\n` });
  });
});
