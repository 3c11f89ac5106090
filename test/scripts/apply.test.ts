/** `kit apply` from the command line, on an environment with one node. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';

describe('kit apply', () => {
  const cli = new CliHarness();
  const env = cli.writeEnvironment('alone', {
    ...{ 'topology.kind': 'single', 'topology.replicas': 0, 'topology.sentinels': 0, 'topology.quorum': 1 },
    ...{ 'redis.minReplicasToWrite': 0, 'durability.durableWrites': 'async', 'promises.failover': false },
  });
  const changed = ['--env', env, '--set', 'redis.maxmemory=64mb'];
  let pid: number | undefined;

  beforeAll(async () => {
    expect(await cli.runKit('up', '--env', env)).toMatchObject({ exitCode: EXIT.GO });
    pid = currentPid();
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  const currentPid = () => cli.readLedger('alone')?.processes['redis-1']?.pid;

  it('refuses an environment that is not running', async () => {
    const { exitCode, out } = await cli.runKit('apply', '--env', 'staging', '--json');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'ENVIRONMENT_NOT_FOUND' } });
  });

  it('is suggested by kit up if the settings differ', async () => {
    const { exitCode, err } = await cli.runKit('up', ...changed);
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toContain('kit apply --env');
  });

  it('refuses a version without a server program on this machine, and lists the installed servers', async () => {
    const version = ['--set', 'redis.server=redis@99.9'];
    const { exitCode, out } = await cli.runKit('apply', '--env', env, ...version, '--json');
    expect(exitCode).toBe(EXIT.UNKNOWN);
    expect(JSON.parse(out).error).toMatchObject({
      code: 'REDIS_NOT_FOUND',
      message: expect.stringMatching(/^no server program of Redis 99\.9 in PATH; found: Redis \d/),
      where: 'alone: redis.server',
    });
    expect(currentPid()).toBe(pid);
  });

  it('shows the plan with --dry-run, and changes nothing', async () => {
    const { exitCode, out } = await cli.runKit('apply', ...changed, '--dry-run');
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toContain('redis.maxmemory: running with');
    expect(out).toContain('1. redis-1  master: settings');
    expect(out).toContain('interruption: redis-1 has no replica');
    expect(currentPid()).toBe(pid);
  });

  it('requires consent to interrupt a single node', async () => {
    const { exitCode, out } = await cli.runKit('apply', ...changed, '--json');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'INTERRUPTION_NOT_ACCEPTED' } });
    expect(currentPid()).toBe(pid);
  });

  it('replaces the node after consent, and then has nothing left to do', async () => {
    const { exitCode, out, err } = await cli.runKit('apply', ...changed, '--yes', '--json');
    expect({ exitCode, err }, out).toEqual({ exitCode: EXIT.GO, err: '' });
    expect(JSON.parse(out)).toMatchObject({ applied: true, replaced: [{ nodeId: 'redis-1' }] });
    expect(currentPid()).not.toBe(pid);
    const again = await cli.runKit('apply', ...changed);
    expect(again.out).toContain('alone: every node has the current configuration');
    expect((await cli.runKit('up', ...changed)).exitCode).toBe(EXIT.GO);
  });
});
