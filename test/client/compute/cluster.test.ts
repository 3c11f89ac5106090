/** Leases in a cluster: an entry and its lease are in one slot, whoever loads is told on another node. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Cache, clusterCache } from '../../../client/index.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { until } from '../../support/redis.ts';
import { loadLibrary } from './bench.ts';

/** However busy the machine is. */
const compute = { patienceMs: 5000 };
let set: ClusterSet;
let caches: readonly [Cache, Cache];
beforeAll(async () => {
  set = await startCluster();
  const nodes = set.nodes.map(({ address }) => address);
  caches = [
    clusterCache({ nodes, namespace: 'c', compute }),
    clusterCache({ nodes, namespace: 'c', compute }),
  ];
  await Promise.all(caches.map((cache) => cache.ping()));
});
afterAll(async () => {
  await Promise.all(caches.map((cache) => cache.close()));
  await set[Symbol.asyncDispose]();
});

/** In slots of all shards; two with hash tags of their own, one that has no lease in its slot. */
const KEYS = ['a', 'b', 'c', 'd', '{x}1', 'user:{y}', 'odd}'];

for (const way of ['plain commands', 'functions'] as const) {
  it(`loads each key once in all processes, by ${way}`, async () => {
    if (way === 'functions') {
      for (const node of set.nodes) if ((await node.role()) === 'master') await loadLibrary(node);
      // What a connection has learned it forgets with the connection: these are new.
      await Promise.all(caches.map((cache) => cache.close()));
      const nodes = set.nodes.map(({ address }) => address);
      caches = [
        clusterCache({ nodes, namespace: 'f', compute }),
        clusterCache({ nodes, namespace: 'f', compute }),
      ];
      await Promise.all(caches.map((cache) => cache.ping()));
    }
    const load = vi.fn(
      (key: string) => new Promise((resolve) => setTimeout(resolve, 100, key.toUpperCase())),
    );
    const all = caches.flatMap((cache) => KEYS.map((key) => cache.getOrCompute(key, () => load(key))));
    expect(await Promise.all(all)).toEqual([...KEYS, ...KEYS].map((key) => key.toUpperCase()));
    const loads = (key: string) => load.mock.calls.filter(([loaded]) => loaded === key).length;
    for (const key of KEYS) expect([key, loads(key) <= (key === 'odd}' ? 2 : 1)]).toEqual([key, true]);
    for (const key of KEYS)
      await until(`${key} is stored`, async () => (await caches[0].get(key)) === key.toUpperCase());
    const many = await caches[1].getOrComputeMany(
      [...KEYS, 'new'],
      (keys) => new Map(keys.map((k) => [k, 'n'])),
    );
    expect([...many.values()]).toEqual([...KEYS.map((key) => key.toUpperCase()), 'n']);
    expect(await caches[0].delete(...KEYS)).toBe(KEYS.length);
  });
}
