/** Leases in a cluster: an entry and its lease are in one slot, and the lease holder gets messages on another node. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type Cache, clusterCache } from '../../../client/index.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { SCRIPTING } from './lease-party.ts';

let set: ClusterSet;
const caches: Cache[] = [];
beforeAll(async () => {
  set = await startCluster();
});
afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));
afterAll(() => set[Symbol.asyncDispose]());

/**
 * Keys in slots of all shards. Two contain hash tags, and one contains a brace, so that no second key in its slot can
 * be derived from it.
 */
const KEYS = ['a', 'b', 'c', 'd', '{x}1', 'user:{y}', 'odd}'];
const upper = (keys: readonly string[]) => new Map(keys.map((key) => [key, key.toUpperCase()]));

it.each(['commands', 'scripts', 'functions'] as const)('caches load each key once, by %s', async (way) => {
  const open = async (): Promise<Cache> => {
    const cache = clusterCache({
      nodes: set.nodes.map(({ address }) => address),
      namespace: way,
      // Limits that even a busy machine does not exceed.
      ...PATIENT_LIMITS,
      compute: { replyTimeoutMs: 5000 },
      scripting: SCRIPTING[way],
    });
    caches.push(cache);
    await cache.ping();
    return cache;
  };
  const [first, second] = [await open(), await open()];
  const load = vi.fn((key: string) => new Promise((resolve) => setTimeout(resolve, 100, key.toUpperCase())));
  const all = [first, second].flatMap((cache) => KEYS.map((key) => cache.getOrCompute(key, () => load(key))));
  expect(await Promise.all(all)).toEqual([...KEYS, ...KEYS].map((key) => key.toUpperCase()));
  expect(load.mock.calls.map(([key]) => key).sort()).toEqual(KEYS.toSorted());
  for (const key of KEYS)
    await waitUntil(`${key} is stored`, async () => (await first.get(key)) === key.toUpperCase());
  const many = await second.getOrComputeMany([...KEYS, 'new'], upper);
  expect(many).toEqual(upper([...KEYS, 'new']));
  expect(await first.delete(...KEYS)).toBe(KEYS.length);
});

it.each(['commands', 'scripts', 'functions'] as const)(
  'a cache refreshes stale entries, by %s',
  async (way) => {
    const cache = clusterCache({
      nodes: set.nodes.map(({ address }) => address),
      namespace: `stale-${way}`,
      ...PATIENT_LIMITS,
      compute: { replyTimeoutMs: 5000 },
      scripting: SCRIPTING[way],
    });
    caches.push(cache);
    const options = { ttlSeconds: 0.1, staleWhileRevalidateSeconds: 60 };
    await cache.getOrComputeMany(KEYS, upper, options);
    await waitUntil(
      'all values are stored',
      async () => (await cache.getOrComputeMany(KEYS, () => new Map(), options)).size === KEYS.length,
    );
    await waitUntil('the entries are stale', async () => (await cache.getMany(KEYS)).size === 0);
    for (const key of KEYS) {
      expect(await cache.getOrCompute(key, () => 'new', { ...options, ttlSeconds: 60 })).toBe(
        key.toUpperCase(),
      );
      await waitUntil(`${key} is refreshed`, async () => (await cache.get(key)) === 'new');
    }
  },
);
