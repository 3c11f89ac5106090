import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { switchover } from '../../../infra/operations/switchover.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { configuration, singleConfiguration, temporaryStateDir } from '../substrates/local/fixtures.ts';

describe('a planned switchover', () => {
  const state = temporaryStateDir();
  let environment: Environment;

  beforeAll(async () => {
    environment = await localSubstrate({ stateDir: state.path }).apply(
      planTopology(configuration('switch')),
      {
        ephemeral: true,
      },
    );
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    state[Symbol.dispose]();
  });

  it('loses no acknowledged write, even if it is repeated immediately', async () => {
    const acknowledged: string[] = [];
    for (const round of [1, 2]) {
      const from = (await environment.masterId()) as string;
      const writing = write(await environment.admin(from), `round-${round}`, acknowledged);
      await waitUntil('writes before the switchover', () => acknowledged.length > 10 * round);
      const report = await switchover(environment);
      await writing;
      expect(report.from).toBe(from);
      expect(await environment.masterId()).toBe(report.to);
      expect(report.writableMs).toBeLessThanOrEqual(report.agreedMs);
    }
    expect(acknowledged.length).toBeGreaterThan(20);
    for (const { id } of environment.topology.redis) {
      const values = await (await environment.admin(id)).mget(acknowledged);
      expect(values.filter((value) => value === null)).toEqual([]);
    }
  });

  it('reports its steps', async () => {
    const lines: string[] = [];
    const { from, to } = await switchover(environment, { progress: (line) => lines.push(line) });
    expect(lines).toEqual([`every replica has all writes of ${from}`, `${to} is master`]);
  });

  it('leaves the old master writable if it is aborted before the failover begins', async () => {
    const from = (await environment.masterId()) as string;
    const controller = new AbortController();
    const progress = () => controller.abort(new Error('called off'));
    await expect(switchover(environment, { signal: controller.signal, progress })).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      message: expect.stringContaining('called off'),
    });
    expect(await (await environment.admin(from)).set('called', 'off')).toBe('OK');
    expect(await environment.masterId()).toBe(from);
  });

  it('leaves the old master writable without a delay if no sentinel can perform the failover', async () => {
    const master = (await environment.masterId()) as string;
    for (const { id } of environment.topology.sentinels) await environment.capabilities.kill?.(id);
    await expect(switchover(environment, { stepTimeoutMs: 3_000 })).rejects.toMatchObject({
      code: 'SWITCHOVER_FAILED',
      message: expect.stringContaining('a sentinel to start the failover'),
    });
    expect(await (await environment.admin(master)).set('after', 'failure')).toBe('OK');
    for (const { id } of environment.topology.sentinels) await environment.capabilities.start?.(id);
    expect(await environment.masterId()).toBe(master);
  });

  it('waits for the end of TILT mode, because a sentinel would perform the failover only afterwards', async () => {
    const master = (await environment.masterId()) as string;
    const sentinel = () => environment.admin('sentinel-1');
    const tilt = async () => /sentinel_tilt:(\d)/.exec(await (await sentinel()).info('sentinel'))?.[1];
    const setPeriod = async (ms: number) => (await sentinel()).call('SENTINEL', 'DEBUG', 'tilt-period', ms);
    // A sentinel enters TILT mode if two runs of its timer are more than 2 s apart.
    const resume = await environment.capabilities.pause?.('sentinel-1');
    await delay(2_500);
    await resume?.();
    await waitUntil('TILT mode', async () => (await tilt()) === '1');
    // A reported wait is the condition for each action below.
    const waiting = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      return { reported: promise, progress: (line: string) => line.includes('TILT') && resolve() };
    };
    const first = waiting();
    const controller = new AbortController();
    const aborted = switchover(environment, { signal: controller.signal, progress: first.progress });
    aborted.catch(() => undefined);
    await Promise.race([first.reported, aborted]);
    controller.abort(new Error('called off'));
    await expect(aborted).rejects.toMatchObject({ message: expect.stringContaining('called off') });
    const second = waiting();
    const running = switchover(environment, { progress: second.progress });
    running.catch(() => undefined);
    await Promise.race([second.reported, running]);
    expect(await (await environment.admin(master)).set('in', 'tilt')).toBe('OK');
    expect(await environment.masterId()).toBe(master);
    try {
      await setPeriod(1);
      expect((await running).from).toBe(master);
    } finally {
      await setPeriod(30_000);
    }
  });

  it('is refused if a replica is not in sync, because that replica could be promoted', async () => {
    const from = (await environment.masterId()) as string;
    const replica = environment.topology.redis.find(({ id }) => id !== from)?.id as string;
    const admin = await environment.admin(replica);
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    await expect(switchover(environment)).rejects.toThrow(`${replica} is not in sync with ${from}`);
  });

  it('is refused if there is no replica', async () => {
    await using single = await localSubstrate({ stateDir: state.path }).apply(
      planTopology(singleConfiguration('switch-single')),
      { ephemeral: true },
    );
    await expect(switchover(single)).rejects.toMatchObject({ code: 'SWITCHOVER_FAILED' });
  });
});

/** Writes sequential keys to a node until it no longer accepts them. */
async function write(redis: Redis, prefix: string, acknowledged: string[]): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `${prefix}-${i}`;
    try {
      await redis.set(key, 'x');
    } catch {
      return;
    }
    acknowledged.push(key);
    await delay(1);
  }
}
