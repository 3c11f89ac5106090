/** Cluster nodes that redirections name differently, or not at all: no read fails because of a slot migration. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type Cache,
  type CacheEvent,
  type ClusterCacheOptions,
  clusterCache,
} from '../../../../client/index.ts';
import { addressKey } from '../../../../client/transport/address.ts';
import { slotOf } from '../../../../client/transport/cluster/slot.ts';
import { ProxyServer } from '../../../../harness/faults/proxy/server.ts';
import { beginMove, type ClusterSet, startCluster } from '../../../support/cluster.ts';
import { RedisProcess, waitUntil } from '../../../support/redis-process.ts';

type Endpoints = 'ip' | 'hostname' | 'hostname without one' | 'unknown-endpoint';

let set: ClusterSet;
beforeAll(async () => {
  set = await startCluster();
});
afterAll(() => set[Symbol.asyncDispose]());

async function announce(endpoints: Endpoints): Promise<void> {
  const type = endpoints === 'hostname without one' ? 'hostname' : endpoints;
  for (const [i, node] of set.nodes.entries()) {
    const name = endpoints === 'hostname' ? `node-${i}.cluster.test` : '';
    await node.admin().config('SET', 'cluster-announce-hostname', name);
    await node.admin().config('SET', 'cluster-preferred-endpoint-type', type);
  }
  const told = endpoints === 'hostname' ? ',node-5.cluster.test' : '@';
  await waitUntil('all nodes report the names', async () => {
    const views = await Promise.all(set.nodes.map((node) => node.admin().call('CLUSTER', 'NODES')));
    return views.every(
      (view) => String(view).includes(told) && (endpoints === 'hostname' || !String(view).includes('.test')),
    );
  });
}

function open(options: Partial<ClusterCacheOptions> = {}): { cache: Cache; events: CacheEvent[] } {
  const cache = clusterCache({
    nodes: [set.nodes[0]?.address as RedisProcess['address']],
    namespace: 'n',
    ...options,
  });
  onTestFinished(async () => void (await cache.close()));
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  return { cache, events };
}

const troubleEvents = (events: readonly CacheEvent[]): readonly string[] =>
  events
    .map(({ type }) => type)
    .filter((type) => ['suspect', 'lost', 'moved', 'breaker', 'fallback'].includes(type));

describe.each<Endpoints>(['ip', 'hostname', 'hostname without one', 'unknown-endpoint'])(
  'a cluster whose redirections name the %s',
  (endpoints) => {
    beforeAll(() => announce(endpoints));

    it('serves all reads and writes during and after a slot migration', async () => {
      const tag = `{${endpoints}}`;
      const keys = Array.from({ length: 30 }, (_, i) => `${tag}${i}`);
      const { cache, events } = open();
      for (const key of keys) await cache.set(key, key);
      const moving = await beginMove(set, slotOf(cache.physicalKey(keys[0] as string)));
      await moving.migrate(keys.slice(0, 20).map((key) => cache.physicalKey(key)));
      for (const key of keys) expect(await cache.getEntry(key)).toEqual({ value: key, source: 'redis' });
      expect(await cache.getMany(keys)).toEqual(new Map(keys.map((key) => [key, key])));
      expect(await cache.set(`${tag}new`, 1)).toEqual({ source: 'redis' });
      expect(await cache.get(`${tag}new`)).toBe(1);
      expect(await cache.getOrCompute(keys[1] as string, () => 'loaded')).toBe(keys[1]);
      expect(await cache.delete(keys[2] as string)).toBe(1);
      const durability = { replicas: 1, timeoutMs: 1000 };
      expect(await cache.set(`${tag}durable`, 1, { durability })).toEqual({ source: 'redis', replicas: 1 });
      await moving.migrate([...keys.slice(20)].map((key) => cache.physicalKey(key)));
      await moving.finish();
      for (const key of keys.slice(3))
        expect(await cache.getEntry(key)).toEqual({ value: key, source: 'redis' });
      expect(troubleEvents(events)).toEqual([]);
      expect(cache.stats()).toMatchObject({ errors: 0, breakerTransitions: 0 });
    });
  },
);

describe.each<['hostname' | 'ip', 'hostname' | 'ip']>([
  ['ip', 'ip'],
  ['hostname', 'ip'],
  ['hostname', 'hostname'],
])('a cluster behind proxies, with redirections by %s and a natMap by %s', (endpoints, mapped) => {
  let proxies: readonly ProxyServer[];
  beforeAll(async () => {
    await announce(endpoints);
    proxies = await Promise.all(set.nodes.map(({ address }) => ProxyServer.start(address)));
  });
  afterAll(async () => {
    for (const proxy of proxies) await proxy.close();
  });

  it('is reached only through the proxies, even after redirections', async () => {
    const natMap = Object.fromEntries(
      set.nodes.map(({ address: { host, port } }, i) => [
        `${mapped === 'ip' ? host : `node-${i}.cluster.test`}:${port}`,
        (proxies[i] as ProxyServer).address,
      ]),
    );
    const { cache, events } = open({
      nodes: [(proxies[1] as ProxyServer).address],
      natMap,
      replicaReads: {},
    });
    const keys = Array.from({ length: 20 }, (_, i) => `{${endpoints} ${mapped}}${i}`);
    // A replica can lag behind its master.
    const expectServed = () =>
      waitUntil('every key is read from Redis', async () => {
        const entries = await Promise.all(keys.map((key) => cache.getEntry(key)));
        return entries.every((entry, i) => entry?.value === keys[i] && entry?.source === 'redis');
      });
    for (const key of keys) await cache.set(key, key);
    const moving = await beginMove(set, slotOf(cache.physicalKey(keys[0] as string)));
    const physical = keys.map((key) => cache.physicalKey(key));
    await moving.migrate(physical.slice(0, 10));
    await expectServed();
    await moving.migrate(physical.slice(10));
    await moving.finish();
    await expectServed();
    const reached = new Set(proxies.map(({ address }) => addressKey(address)));
    const masters = events.flatMap((event) => (event.type === 'ready' ? [addressKey(event.master)] : []));
    expect(masters.length).toBeGreaterThanOrEqual(3);
    expect(masters.filter((master) => !reached.has(master))).toEqual([]);
    expect(troubleEvents(events)).toEqual([]);
    expect(cache.stats().errors).toBe(0);
    // A replica is recognized as a replica of its master, regardless of their names.
    const reads = async (): Promise<number> => {
      await cache.get(keys[0] as string);
      const counts = await Promise.all(
        set.nodes.slice(3).map(async (node) => {
          const stats = await node.admin().info('commandstats');
          return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
        }),
      );
      return counts.reduce((all, count) => all + count, 0);
    };
    const before = await reads();
    await waitUntil('a replica serves a read', async () => (await reads()) > before);
  });
});

it('reads from a previously unknown node after a slot moves to that node', async () => {
  await announce('unknown-endpoint');
  await using more = await RedisProcess.start({
    host: '127.61.0.12',
    conf: [
      'cluster-enabled yes',
      'cluster-node-timeout 1000',
      'bind-source-addr 127.61.0.12',
      'cluster-announce-ip 127.61.0.12',
    ],
  });
  const { cache, events } = open();
  const keys = Array.from({ length: 10 }, (_, i) => `{new node}${i}`);
  for (const key of keys) await cache.set(key, key);
  const slot = slotOf(cache.physicalKey(keys[0] as string));
  const from = await set.owner(slot);
  const { host, port } = more.address;
  await from.admin().call('CLUSTER', 'MEET', host, port);
  const id = String(await more.admin().call('CLUSTER', 'MYID'));
  await waitUntil('the new node serves', async () =>
    String(await more.admin().call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
  );
  await waitUntil('the other nodes list the new node', async () =>
    new RegExp(`${id}.* connected`).test(String(await from.admin().call('CLUSTER', 'NODES'))),
  );
  const fromId = set.ids[set.nodes.indexOf(from)] as string;
  await more.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
  await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id);
  const physical = keys.map((key) => cache.physicalKey(key));
  await from.admin().call('MIGRATE', host, port, '', 0, 1000, 'KEYS', ...physical);
  for (const key of keys) expect(await cache.getEntry(key)).toEqual({ value: key, source: 'redis' });
  expect(troubleEvents(events)).toEqual([]);
  expect(cache.stats()).toMatchObject({ errors: 0, breakerTransitions: 0 });
  // Moves the slot and its keys back, so that the cluster is unchanged for other tests.
  const { address } = from;
  await more.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
  await from.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
  await more
    .admin()
    .call('MIGRATE', address.host, address.port, '', 0, 1000, 'REPLACE', 'KEYS', ...physical)
    .catch(() => {});
});
