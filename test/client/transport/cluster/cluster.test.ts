/** The connection to a real cluster: routing, redirections, and the features that a cache needs. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterOptions } from '../../../../client/api/types.ts';
import {
  ClosedError,
  CommandError,
  ConfigurationError,
  clusterCache,
  connect,
  NotSentError,
  tieredCache,
} from '../../../../client/index.ts';
import { resolveConnection } from '../../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../../client/transport/cache-connection.ts';
import { slotOf } from '../../../../client/transport/cluster/slot.ts';
import { openConnection } from '../../../../client/transport/index.ts';
import type { ConnectionEvent } from '../../../../client/types.ts';
import { cacheContract } from '../../../contracts/cache.ts';
import { type ClusterSet, startCluster } from '../../../support/cluster.ts';
import { PATIENT_LOADS } from '../../../support/patient-limits.ts';
import { type RedisProcess, waitUntil } from '../../../support/redis-process.ts';

let set: ClusterSet;
let connection: CacheConnection;
let events: ConnectionEvent[];

function open(options: Partial<ClusterOptions> = {}): CacheConnection {
  const nodes = set.nodes.map(({ address }) => address);
  connection = openConnection(resolveConnection({ mode: 'cluster', nodes, ...options }));
  events = [];
  connection.on((event) => events.push(event));
  return connection;
}

const keys = Array.from({ length: 60 }, (_, i) => `k:${i}`);
const waitUntilSettled = (): Promise<void> =>
  waitUntil(
    'all shards are ready',
    () => connection.state.kind === 'ready' && connection.current() !== undefined,
  );

describe('a connection to a cluster', () => {
  beforeAll(async () => {
    set = await startCluster();
  });
  afterEach(() => connection.close());
  afterAll(() => set[Symbol.asyncDispose]());

  it('sends each key to its master, starting from one seed node', async () => {
    const c = open({ nodes: [set.nodes[4]?.address as RedisProcess['address']] });
    await Promise.all(keys.map((key) => c.call('SET', key, `v ${key}`)));
    expect(await Promise.all(keys.map((key) => c.call('GET', key)))).toEqual(keys.map((key) => `v ${key}`));
    const read = await Promise.all([...keys, 'absent'].map((key) => c.get(key)));
    expect(read.map((value) => value?.toString())).toEqual([...keys.map((key) => `v ${key}`), undefined]);
    for (const key of keys.slice(0, 6)) {
      const owner = await set.owner(slotOf(key));
      expect(await owner.admin().get(key)).toBe(`v ${key}`);
    }
    expect(events.filter(({ type }) => type === 'ready')).toHaveLength(3);
  });

  it('splits commands with many keys by slot', async () => {
    const c = open();
    await c.call('MSET', ...keys.flatMap((key) => [key, `m ${key}`]));
    expect(await c.call('MGET', ...keys, 'absent', 'k:1')).toEqual([
      ...keys.map((key) => `m ${key}`),
      null,
      'm k:1',
    ]);
    expect(await c.call('EXISTS', ...keys, 'absent')).toBe(60);
    expect(await c.call('UNLINK', ...keys, 'absent')).toBe(60);
    await c.call('MSET', '{t}a', 1, '{t}b', 2);
    expect(await c.call('MGET', '{t}a', '{t}b')).toEqual(['1', '2']);
    await expect(c.call('RENAME', 'k:1', 'k:2')).rejects.toMatchObject({ code: 'CROSSSLOT' });
    await expect(c.call('LPUSH', '{t}a', 1)).rejects.toThrowError(CommandError);
    expect(await c.call('EVAL', 'return KEYS[1]', 1, 'k:5')).toBe('k:5');
    expect(await c.call('RPUSH', 'list', 1)).toBe(1);
    expect(await c.get('list')).toBeNull();
    await c.call('DEL', 'list', '{t}a', '{t}b');
  });

  it('sends commands that concern all masters to each of them', async () => {
    const c = open();
    expect(await c.call('PING')).toBe('PONG');
    await Promise.all(keys.map((key) => c.call('SET', key, 1)));
    expect(await c.call('DBSIZE')).toBe(60);
    const found: string[] = [];
    let cursor = '0';
    do {
      const [next, page] = (await c.call('SCAN', cursor, 'COUNT', 7)) as [string, string[]];
      found.push(...page);
      cursor = next;
    } while (cursor !== '0');
    expect(found.sort()).toEqual([...keys].sort());
    await c.call('FLUSHALL');
    expect(await c.call('DBSIZE')).toBe(0);
    expect(String(await c.callBuffer('CLUSTER', 'INFO'))).toContain('cluster_state:ok');
  });

  it('ensures the requested durability of each write on its own shard', async () => {
    const c = open();
    const durability = { replicas: 1, timeoutMs: 1000 };
    const writes = await Promise.all(keys.map((key) => c.callDurable(durability, 'SET', key, 'd')));
    expect(writes.every(({ reply, replicas }) => reply === 'OK' && replicas === 1)).toBe(true);
    expect(await c.callDurable(durability, 'UNLINK', ...keys)).toEqual({ reply: 60, replicas: 1 });
    await expect(c.callDurable({ replicas: 2, timeoutMs: 50 }, 'SET', 'k:1', 1)).rejects.toMatchObject({
      code: 'DURABILITY',
      confirmed: 1,
    });
    await expect(c.callDurable(durability, 'PING')).rejects.toThrowError(ConfigurationError);
    await c.call('UNLINK', 'k:1');
  });

  it('rejects commands that a cluster does not support, and states the reason', async () => {
    const c = open();
    await expect(c.call('MULTI')).rejects.toThrowError(/MULTI: belongs to one connection/);
    await expect(c.call('SCAN', 'x')).rejects.toThrowError(/x is not a cursor/);
    expect(() => connect({ mode: 'cluster', nodes: [{ host: 'h', port: 1 }], db: 2 })).toThrowError(
      /db: 2, but a cluster has only database 0/,
    );
    expect(() => connect({ mode: 'cluster', nodes: [] })).toThrowError(/nodes: must name at least one node/);
    expect(() =>
      connect({ mode: 'cluster', nodes: [{ host: 'h', port: 1 }], supervision: false }),
    ).toThrowError(ConfigurationError);
    await c.close();
    await expect(c.call('GET', 'k')).rejects.toThrowError(ClosedError);
    await expect(c.callDurable({ replicas: 1, timeoutMs: 1 }, 'SET', 'k', 1)).rejects.toThrowError(
      ClosedError,
    );
    open({ nodes: [{ host: '127.62.0.1', port: 1 }], commandTimeoutMs: 200 });
    await expect(connection.call('GET', 'k')).rejects.toThrowError(/no node of the cluster replies \(127/);
    await expect(connection.call('PING')).rejects.toThrowError(NotSentError);
    await expect(connection.callDurable({ replicas: 1, timeoutMs: 1 }, 'SET', 'k', 1)).rejects.toThrowError(
      NotSentError,
    );
    expect(connection.state.kind).toBe('connecting');
  });

  it('sends a sequence of commands over one connection, chosen by the key', async () => {
    const c = open();
    await c.call('SET', 'tx', 1);
    const own = c.at('tx');
    const [, , , answers] = await Promise.all([
      own.request('WATCH', ['tx'], { once: true }),
      own.request('MULTI', [], { once: true }),
      own.request('INCR', ['tx'], { once: true }),
      own.request('EXEC', [], { once: true }),
    ]);
    expect(answers).toEqual([2]);
    expect(own.at('tx')).toBe(own);
    await c.call('UNLINK', 'tx');
  });

  it('continues during a slot migration under load, without errors and without applying a write twice', async () => {
    const c = open();
    await waitUntilSettled();
    const slot = slotOf('{m}');
    const from = await set.owner(slot);
    const to = set.nodes.find((node, i) => i < 3 && node !== from) as RedisProcess;
    const id = (node: RedisProcess): string => set.ids[set.nodes.indexOf(node)] as string;
    await Promise.all(keys.map((key) => c.call('SET', `{m}${key}`, 0)));
    let going = true;
    let rounds = 0;
    const load = (async () => {
      const counts = new Map<string, number>();
      for (; going; rounds++) {
        const key = `{m}${keys[rounds % keys.length]}`;
        const [count] = await Promise.all([
          rounds % 3 === 0
            ? c.callDurable({ replicas: 1, timeoutMs: 1000 }, 'INCR', key).then(({ reply }) => reply)
            : c.call('INCR', key),
          c.get(`{m}${keys[(rounds + 7) % keys.length]}`),
          c.call('MGET', '{m}k:1', '{m}k:2', '{m}k:3'),
        ]);
        counts.set(key, (counts.get(key) ?? 0) + 1);
        expect(count).toBe(counts.get(key));
      }
    })();
    await waitUntil('writes are acknowledged', () => rounds > 50);
    await to.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', id(from));
    await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id(to));
    for (;;) {
      const some = (await from.admin().call('CLUSTER', 'GETKEYSINSLOT', slot, 5)) as string[];
      if (some.length === 0) break;
      const { host, port } = to.address;
      await from.admin().call('MIGRATE', host, port, '', 0, 1000, 'KEYS', ...some);
      const seen = rounds;
      await waitUntil('writes continue', () => rounds > seen + 5);
    }
    for (const node of [to, from]) await node.admin().call('CLUSTER', 'SETSLOT', slot, 'NODE', id(to));
    const seen = rounds;
    await waitUntil('writes continue', () => rounds > seen + 50);
    going = false;
    await load;
    expect(await set.owner(slot)).toBe(to);
  });
});

describe('a cache over a cluster', () => {
  beforeAll(async () => {
    set = await startCluster();
  });
  afterAll(() => set[Symbol.asyncDispose]());

  cacheContract('keeps the contract of every cache', 'redis', () =>
    Promise.resolve(
      clusterCache({
        nodes: [set.nodes[0]?.address as RedisProcess['address']],
        namespace: 'c',
        ...PATIENT_LOADS,
      }),
    ),
  );
  it('serves reads and deletions of many keys while their slot is migrating', async () => {
    const cache = clusterCache({ nodes: set.nodes.map(({ address }) => address), namespace: 'split' });
    for (const key of ['{m}1', '{m}2', '{m}3']) await cache.set(key, key);
    const slot = slotOf('{m}');
    const from = await set.owner(slot);
    const to = set.nodes.find((node, i) => i < 3 && node !== from) as RedisProcess;
    const id = (node: RedisProcess): string => set.ids[set.nodes.indexOf(node)] as string;
    await to.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', id(from));
    await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id(to));
    await from.admin().call('MIGRATE', to.address.host, to.address.port, 'split:{m}2', 0, 1000);
    const values = new Map(['{m}1', '{m}2', '{m}3'].map((key) => [key, key]));
    expect(await cache.getMany([...values.keys(), 'absent'])).toEqual(values);
    expect(await cache.getOrComputeMany([...values.keys()], () => new Map())).toEqual(values);
    expect(await cache.exists(...values.keys())).toBe(3);
    expect([await cache.delete('{m}1', '{m}2'), await cache.delete('{m}3')]).toEqual([2, 1]);
    expect(await cache.getMany([...values.keys()])).toEqual(new Map());
    // The lease of this load is stored in the key of the entry.
    expect(await cache.getOrCompute('{m}4', () => 'loaded')).toBe('loaded');
    await waitUntil('the value is stored', async () => (await cache.get('{m}4')) === 'loaded');
    await from.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
    await to.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
    await cache.close();
  });
  cacheContract('keeps the contract in two tiers', 'tiered', async () => {
    const nodes = set.nodes.map(({ address }) => address);
    const cache = tieredCache({ mode: 'cluster', nodes, namespace: 'ct', ...PATIENT_LOADS });
    await cache.ping();
    return cache;
  });
});

describe('a cache over a cluster that has lost a shard', () => {
  it('reads and writes the entries of the other shards, individually and in batches', async () => {
    await using lost = await startCluster();
    const nodes = lost.nodes.map(({ address }) => address);
    const cache = clusterCache({ nodes, namespace: 'lost', commandTimeoutMs: 300 });
    const all = new Map(keys.map((key) => [key, key]));
    await cache.setMany(all);
    for (const i of [0, 3]) await lost.nodes[i]?.kill();
    await waitUntil('the node to have been down for as long as a command may take', () => {
      const state = cache.connection?.state;
      return state?.kind === 'connecting' && Date.now() - state.since > 300;
    });
    const there = keys.filter((key) => slotOf(cache.physicalKey(key)) > 5460);
    const gone = keys.filter((key) => !there.includes(key));
    // These are more consecutive failures than the threshold of the breaker.
    for (const key of gone) expect((await cache.lookup(key)).source).toBe('memory');
    for (const key of there) expect(await cache.getEntry(key)).toEqual({ value: key, source: 'redis' });
    expect(await cache.getMany(keys)).toEqual(new Map(there.map((key) => [key, key])));
    expect((await cache.set(there[0] as string, 'new')).source).toBe('redis');
    // No shard has the library, and the client cannot load it into all of them.
    const cold = keys.map((key) => `cold:${key}`);
    expect(await Promise.all(cold.map((key) => cache.getOrCompute(key, () => key)))).toEqual(cold);
    const reachable = cold.filter((key) => slotOf(cache.physicalKey(key)) > 5460);
    await waitUntil('the keys of the other shards are stored', async () => {
      const found = [...(await cache.lookupMany(reachable)).values()];
      return found.every((lookup) => lookup.found && lookup.source === 'redis');
    });
    expect([cache.stats().breaker.kind, cache.stats().breakerTransitions]).toEqual(['closed', 0]);
    await cache.close();
  });
});
