/**
 * Reads from replicas: a replica serves a read only if it is fresh enough, otherwise the master serves it. No value is
 * older than requested.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RedisOptions } from '../../../client/api/types.ts';
import { sentinelCache } from '../../../client/index.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { slotOf } from '../../../client/transport/cluster/slot.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { startCluster } from '../../support/cluster.ts';
import { startDelayRelay } from '../../support/delay-relay.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import type { Relay } from '../../support/relay-server.ts';

function open(options: RedisOptions): CacheConnection {
  const connection = openConnection(resolveConnection(options));
  onTestFinished(() => connection.close());
  return connection;
}

async function gets(node: RedisProcess): Promise<number> {
  const info = await node.admin().info('commandstats');
  return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0);
}

const served = async (connection: CacheConnection, node: RedisProcess): Promise<void> => {
  const before = await gets(node);
  await waitUntil('a replica serves reads', async () => {
    await connection.get('k');
    return (await gets(node)) > before;
  });
};

interface Lagging extends AsyncDisposable {
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  readonly options: RedisOptions & { mode: 'sentinel' };
}

/** Starts a replica that receives all data with a delay of `lagMs`. */
async function lagging(lagMs: number): Promise<Lagging> {
  const host = '127.61.0.9';
  const stack = new AsyncDisposableStack();
  const master = stack.use(await RedisProcess.start({ host }));
  const relay: Relay = stack.use(await startDelayRelay(master.address, lagMs));
  const conf = [`replicaof ${host} ${relay.address.port}`, `replica-announce-ip ${host}`];
  const replica = stack.use(await RedisProcess.start({ host, conf }));
  const monitor = [`sentinel monitor mymaster ${host} ${master.address.port} 1`];
  const sentinel = stack.use(await RedisProcess.start({ host, sentinel: true, conf: monitor }));
  await waitUntil('the replica is in sync', async () =>
    (await replica.admin().info('replication')).includes('master_link_status:up'),
  );
  const natMap = { [`${host}:${relay.address.port}`]: master.address };
  return {
    master,
    replica,
    options: { mode: 'sentinel', sentinels: [sentinel.address], natMap },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/**
 * Increments a value and reads it. Returns the greatest age of a value that was read, in ms: the time since a newer
 * value was acknowledged.
 */
async function oldest(connection: CacheConnection, ms: number): Promise<number> {
  const acknowledgedAt: number[] = [];
  let worst = 0;
  const until = performance.now() + ms;
  const write = async (): Promise<void> => {
    for (let i = 0; performance.now() < until; i++) {
      await connection.call('SET', 'k', i);
      acknowledgedAt[i] = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const read = async (): Promise<void> => {
    while (performance.now() < until) {
      const value = Number(await connection.get('k'));
      const missing = acknowledgedAt[value + 1];
      if (missing !== undefined) worst = Math.max(worst, performance.now() - missing);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await connection.call('SET', 'k', 0);
  await Promise.all([write(), read()]);
  return worst;
}

describe('reads from replicas', () => {
  it('are served by replicas, and are never staler than allowed, regardless of the lag', async () => {
    await using set = await lagging(60);
    const connection = open({ ...set.options, replicaReads: { maxStalenessMs: 400 } });
    await connection.call('SET', 'k', 0);
    await served(connection, set.replica);
    const before = await gets(set.replica);
    const age = await oldest(connection, 1200);
    expect(age).toBeLessThanOrEqual(400);
    // An old value shows that the replica served the reads.
    expect(age).toBeGreaterThan(40);
    expect((await gets(set.replica)) - before).toBeGreaterThan(50);
  });

  it('fall back to the master if no replica is fresh enough', async () => {
    await using set = await lagging(150);
    const connection = open({ ...set.options, replicaReads: { maxStalenessMs: 50 } });
    await connection.call('SET', 'k', 0);
    const age = await oldest(connection, 800);
    expect(age).toBeLessThanOrEqual(50);
    expect(await gets(set.master)).toBeGreaterThan(0);
  });

  it('fall back to the master if the replica hangs, fails, or loses its link to the master', async () => {
    await using set = await lagging(0);
    const connection = open({ ...set.options, replicaReads: { maxStalenessMs: 2000 } });
    await connection.call('SET', 'k', 7);
    await served(connection, set.replica);
    set.replica.pause();
    expect(String(await connection.get('k'))).toBe('7');
    set.replica.resume();
    await served(connection, set.replica);
    expect(await connection.call('GET', 'k')).toBe('7');
    await expect(connection.call('LLEN', 'k')).rejects.toMatchObject({ code: 'WRONGTYPE' });
    await set.replica.kill();
    expect(String(await connection.get('k'))).toBe('7');
    await set.replica.start();
    await served(connection, set.replica);
    await set.replica.admin().replicaof('NO', 'ONE');
    await set.replica.admin().set('k', 'stray');
    await waitUntil('the stray node is no longer queried', async () => {
      const before = await gets(set.replica);
      for (let i = 0; i < 5; i++) await connection.get('k');
      return (await gets(set.replica)) === before;
    });
    expect(String(await connection.get('k'))).toBe('7');
  });

  it('do not include sequences on one connection or commands to a single node', async () => {
    await using set = await lagging(0);
    const connection = open({ ...set.options, replicaReads: {} });
    await connection.call('SET', 'k', 7);
    await served(connection, set.replica);
    const before = await gets(set.replica);
    await connection.request('GET', ['k'], { once: true, replica: true });
    await connection.request('GET', ['k']);
    expect(((await connection.call('ROLE')) as unknown[])[0]).toBe('master');
    expect(await gets(set.replica)).toBe(before);
  });

  it('go to the replicas of each shard of a cluster', async () => {
    await using set = await startCluster();
    const nodes = set.nodes.map(({ address }) => address);
    const connection = open({ mode: 'cluster', nodes, replicaReads: { maxStalenessMs: 1000 } });
    await connection.call('SET', 'k', 7);
    const master = set.nodes.indexOf(await set.owner(slotOf('k')));
    await served(connection, set.nodes[master + 3] as RedisProcess);
    expect(await connection.call('GET', 'k')).toBe('7');
  });

  it('are rejected in combination with a first tier', () => {
    const options = { sentinels: [{ host: 'h', port: 1 }], replicaReads: {}, l1: {} };
    expect(() => sentinelCache(options)).toThrowError(/remove l1 or replicaReads/);
    const bad = { mode: 'sentinel', sentinels: [{ host: 'h', port: 1 }] } as const;
    expect(() => open({ ...bad, replicaReads: { maxStalenessMs: 5 } })).toThrowError(
      /replicaReads.maxStalenessMs: must be an integer between 20 and 60000, got 5/,
    );
  });
});
