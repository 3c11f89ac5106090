/**
 * Runs that are interrupted in the middle of a failover, with the master paused: no process is left running, and the
 * run does not pass.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness, type RunningCommand } from '../support/cli-harness.ts';
import { waitUntil } from '../support/redis-process.ts';

let cli: CliHarness;
beforeEach(() => {
  cli = new CliHarness();
});
afterEach(() => cli[Symbol.asyncDispose]());

/** Number of trials per drill: too many to complete before the interruption, however fast or slow the machine is. */
const MANY = ['--trials', '20'];

/** Starts a drill and returns once the drill has paused the master. */
async function drillWithPausedMaster(options: { group: boolean }): Promise<RunningCommand> {
  const running = cli.start(['drill', 'master-hang', ...MANY, '--out', 'run'], options);
  await running.waitForProgress(/pause redis-/);
  await waitUntil('a stopped process', () => cli.listProcesses().some(({ stopped }) => stopped));
  return running;
}

describe('Ctrl-C while the master is paused', () => {
  it.each([
    ['sent only to the command', false],
    ['sent to the entire process group, as by a terminal', true],
  ])('ends all processes and exits with 130: %s', async (_how, group) => {
    const running = await drillWithPausedMaster({ group });
    running.kill('SIGINT');
    const { exitCode, err } = await running.waitForExit();
    expect(exitCode, err).toBe(EXIT.INTERRUPTED);
    expect(err).toMatch(/kit: interrupted[^\n]*\n$/);
    await cli.expectNothingLeft(0);
    await neverPasses();
  });

  it('heals an environment that was already running, and leaves it running', async () => {
    const file = cli.writeEnvironment('kept');
    expect((await cli.runKit('up', '--env', file)).exitCode).toBe(EXIT.GO);
    const before = pids('kept');
    const running = cli.start(['drill', 'master-hang', ...MANY, '--env', file, '--out', 'run']);
    await running.waitForProgress(/pause redis-/);
    await waitUntil('a stopped process', () => cli.listProcesses().some(({ stopped }) => stopped));
    running.kill('SIGINT');
    expect((await running.waitForExit()).exitCode).toBe(EXIT.INTERRUPTED);
    expect(cli.listProcesses().filter(({ stopped }) => stopped)).toEqual([]);
    expect(pids('kept')).toEqual(before);
    await neverPasses();
  });
});

describe('a kept environment', () => {
  it('is locked by one command: a second run and kit up name the holder of the lock and change nothing', async () => {
    const file = cli.writeEnvironment('kept');
    await cli.runKit('up', '--env', file);
    const running = cli.start(['drill', 'master-hang', ...MANY, '--env', file, '--out', 'run']);
    await running.waitForProgress(/pause redis-/);
    await waitUntil('a stopped process', () => cli.listProcesses().some(({ stopped }) => stopped));
    for (const second of [
      ['drill', 'hit-miss', '--env', file, '--out', 'second'],
      ['up', '--env', file],
    ]) {
      const { exitCode, out } = await cli.runKit(...second, '--json');
      expect(exitCode).toBe(EXIT.UNKNOWN);
      expect(JSON.parse(out)).toMatchObject({
        error: {
          code: 'ENVIRONMENT_BUSY',
          message: `environment 'kept' is in use by process ${running.pid}`,
          hint: expect.any(String),
        },
      });
      // The drill heals its fault itself once its clients write again. On a busy machine, that may have happened
      // already.
      const isHealed = /writes again/.test(running.progress);
      expect(isHealed || cli.listProcesses().some(({ stopped }) => stopped)).toBe(true);
    }
    expect(existsSync(join(cli.path, 'second'))).toBe(false);
    running.kill('SIGINT');
    await running.waitForExit();
    expect((await cli.runKit('up', '--env', file)).exitCode).toBe(EXIT.GO);
  });

  it('is healthy after an interrupted failover and the next kit up, with the old master as a replica', async () => {
    const file = cli.writeEnvironment('kept', { 'sentinel.downAfterMs': 3_000 });
    await cli.runKit('up', '--env', file);
    const running = cli.start(['drill', 'master-hang', '--env', file, '--out', 'run']);
    await running.waitForProgress(/pause redis-1/);
    const master = async () => JSON.parse((await cli.runKit('status', '--env', file, '--json')).out).master;
    let successor: string | null = null;
    await waitUntil('a failover', async () => {
      successor = await master();
      return ![null, 'redis-1'].includes(successor);
    });
    running.kill('SIGINT');
    await running.waitForExit();
    const { exitCode, err } = await cli.runKit('up', '--env', file);
    expect(exitCode, err).toBe(EXIT.GO);
    expect((await cli.runKit('status', '--env', file)).exitCode).toBe(EXIT.GO);
    expect(await master()).toBe(successor);
  });
});

describe('SIGKILL while the master is paused', () => {
  it('leaves no process running, because the reaper stops every process', async () => {
    const running = await drillWithPausedMaster({ group: false });
    running.kill('SIGKILL');
    await running.waitForExit();
    await cli.expectNothingLeft();
    await neverPasses();
  });

  it('leaves no process running if the entire process group is killed: the reaper is outside it', async () => {
    const running = await drillWithPausedMaster({ group: true });
    running.kill('SIGKILL');
    await running.waitForExit();
    await cli.expectNothingLeft();
  });

  it('does not stop an environment that was already running; kit down stops it', async () => {
    const file = cli.writeEnvironment('kept');
    await cli.runKit('up', '--env', file);
    const running = cli.start(['drill', 'master-hang', ...MANY, '--env', file, '--out', 'run']);
    await running.waitForProgress(/pause redis-/);
    running.kill('SIGKILL');
    await running.waitForExit();
    const { exitCode, out } = await cli.runKit('down', '--env', file);
    expect({ exitCode, out }).toMatchObject({ exitCode: EXIT.GO, out: expect.stringContaining('redis-1') });
    await cli.expectNothingLeft();
  });

  it.each([
    ['kit up', (file: string) => ['up', '--env', file]],
    ['run', (file: string) => ['drill', 'hit-miss', '--env', file, '--out', 'healed']],
  ])('leaves an environment that was already running, and the next %s heals it', async (_what, next) => {
    const file = cli.writeEnvironment('kept');
    await cli.runKit('up', '--env', file);
    const running = cli.start(['drill', 'master-hang', ...MANY, '--env', file]);
    await running.waitForProgress(/pause redis-/);
    await waitUntil('a stopped process', () => cli.listProcesses().some(({ stopped }) => stopped));
    running.kill('SIGKILL');
    await running.waitForExit();
    const healed = await cli.runKit(...next(file));
    const { exitCode, err } = healed;
    if (next(file).includes('drill')) cli.expectNoFailures(healed, 'healed');
    else expect(exitCode, err).toBe(EXIT.GO);
    expect(err).toMatch(/continued redis-\d/);
    expect(cli.listProcesses().filter(({ stopped }) => stopped)).toEqual([]);
    expect((await cli.runKit('status', '--env', file)).exitCode).toBe(EXIT.GO);
  });
});

function pids(environment: string): readonly number[] {
  return Object.values(cli.readLedger(environment)?.processes ?? {}).map(({ pid }) => pid);
}

/** Expects that the run folder can be read and judged, and that its verdict is not GO. */
async function neverPasses(): Promise<void> {
  expect(existsSync(join(cli.path, 'run', 'seal.json'))).toBe(false);
  expect(existsSync(join(cli.path, 'run', 'report.json'))).toBe(false);
  const analyzed = await cli.runKit('analyze', 'run', '--json');
  expect(analyzed.exitCode).toBe(EXIT.UNKNOWN);
  expect(JSON.parse(analyzed.out)).toMatchObject({ verdict: { decision: 'UNKNOWN' } });
  expect((await cli.runKit('verify', 'run')).exitCode).toBe(EXIT.NO_GO);
}
