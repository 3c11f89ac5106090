/**
 * With a slow Redis that delays each reply by 20 to 40 ms, the contract of every cache holds, in every mode. A Redis
 * that is slower than the command timeout is treated as unreachable until it is fast enough again.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  clusterCache,
  redisCache,
  sentinelCache,
  tieredCache,
} from '../../client/index.ts';
import type { ConnectionOptions } from '../../client/types.ts';
import { cacheContract } from '../contracts/cache.ts';
import { startCluster } from '../support/cluster.ts';
import { type LatencyProxies, startLatencyProxies } from '../support/latency-proxies.ts';
import { type Address, RedisProcess, startSentinelSet, waitUntil } from '../support/redis-process.ts';
import { loadLibrary } from './load/lease-party.ts';

/** Servers that caches and their listeners reach only through the proxies. */
interface SlowedNodes {
  readonly proxies: LatencyProxies;
  /** Address of the first proxy. */
  readonly address: Address;
  /** Addresses of the sentinels or cluster nodes. */
  readonly others: readonly Address[];
  /** Returns whether Redis has the key; reads it directly, without a proxy. */
  readonly has: (key: string) => Promise<boolean>;
  readonly end: () => Promise<void>;
}
type Options = CacheOptions & ConnectionOptions;
type Mode = readonly [
  name: string,
  kept: 'redis' | 'tiered',
  open: (nodes: SlowedNodes, options: Options) => Cache,
];

async function rigOf(
  nodes: readonly RedisProcess[],
  set: AsyncDisposable,
  others: readonly RedisProcess[],
  ofKey: (key: string) => Promise<RedisProcess>,
): Promise<SlowedNodes> {
  const proxies = await startLatencyProxies(nodes.map(({ address }) => address));
  return {
    proxies,
    address: proxies.addresses[0] as Address,
    others: others.map(({ address }) => address),
    has: async (key) => (await (await ofKey(key)).admin().exists(key)) === 1,
    end: async () => {
      await proxies[Symbol.asyncDispose]();
      await set[Symbol.asyncDispose]();
    },
  };
}

async function startStandalone(): Promise<SlowedNodes> {
  const redis = await RedisProcess.start();
  await loadLibrary(redis);
  return rigOf([redis], redis, [], async () => redis);
}

async function withoutFunctions(): Promise<SlowedNodes> {
  const redis = await RedisProcess.start();
  return rigOf([redis], redis, [], async () => redis);
}

async function startSentinels(): Promise<SlowedNodes> {
  const set = await startSentinelSet();
  await loadLibrary(await set.master());
  return rigOf(set.redis, set, set.sentinels, () => set.master());
}

async function ofCluster(): Promise<SlowedNodes> {
  const set = await startCluster();
  for (const node of set.nodes.slice(0, 3)) await loadLibrary(node);
  return rigOf(set.nodes, set, set.nodes, async (key) => {
    const slot = Number(await set.nodes[0]?.admin().cluster('KEYSLOT', key));
    return set.owner(slot);
  });
}

/** Stock ioredis has no command timeout, so it waits for replies indefinitely. */
const STOCK = 'a stock connection';

const setups: readonly (readonly [string, () => Promise<SlowedNodes>, readonly Mode[]])[] = [
  [
    'one Redis',
    startStandalone,
    [
      ['one tier', 'redis', ({ address }, options) => redisCache({ ...options, address })],
      ['two tiers', 'tiered', ({ address }, options) => tieredCache({ ...options, address })],
      [
        'no leases',
        'redis',
        ({ address }, options) =>
          redisCache({ ...options, address, compute: { ...options.compute, leaseMs: 0 } }),
      ],
      [
        'three connections',
        'redis',
        ({ address }, options) => redisCache({ ...options, address, poolSize: 3 }),
      ],
      [
        'two tiers over three connections',
        'tiered',
        ({ address }, options) => tieredCache({ ...options, address, poolSize: 3 }),
      ],
      [STOCK, 'redis', ({ address }, options) => redisCache({ ...options, address, supervision: false })],
    ],
  ],
  [
    'a Redis without functions',
    withoutFunctions,
    [['one tier', 'redis', ({ address }, options) => redisCache({ ...options, address })]],
  ],
  [
    'the master of sentinels',
    startSentinels,
    [
      [
        'one tier',
        'redis',
        ({ proxies, others }, options) =>
          sentinelCache({ ...options, sentinels: others, natMap: proxies.natMap }),
      ],
      [
        'two tiers',
        'tiered',
        ({ proxies, others }, options) =>
          tieredCache({ ...options, mode: 'sentinel', sentinels: others, natMap: proxies.natMap }),
      ],
    ],
  ],
  [
    'a cluster',
    ofCluster,
    [
      [
        'one tier',
        'redis',
        ({ proxies, others }, options) => clusterCache({ ...options, nodes: others, natMap: proxies.natMap }),
      ],
      [
        'two tiers',
        'tiered',
        ({ proxies, others }, options) =>
          tieredCache({ ...options, mode: 'cluster', nodes: others, natMap: proxies.natMap }),
      ],
    ],
  ],
];

describe.each(setups)('%s that is slow', (_, start, modes) => {
  let nodes: SlowedNodes;
  beforeAll(async () => {
    nodes = await start();
  });
  afterAll(() => nodes.end());

  describe('by 20 to 40 ms', () => {
    beforeAll(() => nodes.proxies.setLatency(30, 10));
    afterAll(() => nodes.proxies.setLatency(0));
    for (const [name, kept, open] of modes)
      cacheContract(
        name,
        kept,
        async () => {
          // The contract counts loads: a slow reply on a busy machine must not cause another load.
          const cache = open(nodes, {
            namespace: name.replaceAll(' ', '-'),
            compute: { replyTimeoutMs: 5_000 },
          });
          // Verifies that the proxies make Redis slow.
          expect(await cache.ping()).toBeGreaterThanOrEqual(19);
          return cache;
        },
        { shortTtlSeconds: 0.5 },
      );
  });

  it.each(modes.filter(([name]) => name !== STOCK))(
    'is unreachable when it is slower than the command timeout, and recovers: %s',
    async (name, __, open) => {
      const namespace = `away-${name.replaceAll(' ', '-')}`;
      const cache = open(nodes, { namespace, commandTimeoutMs: 300, compute: { replyTimeoutMs: 100 } });
      onTestFinished(async () => void (await cache.close()));
      onTestFinished(() => nodes.proxies.setLatency(0));
      const redisHas = (key: string): Promise<boolean> => nodes.has(cache.physicalKey(key));
      const takenByRedis = async (): Promise<boolean> => (await cache.set('probe', 1)).source === 'redis';
      await waitUntil('Redis accepts writes', takenByRedis);
      for (const key of ['read', 'overwritten', 'deleted']) await cache.set(key, 'old');
      const { errors } = cache.stats();

      nodes.proxies.setLatency(2_000);
      const load = (): string => 'loaded';
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => cache.getOrCompute(`new:${i}`, load)),
      );
      expect(new Set(answers)).toEqual(new Set(['loaded']));
      expect(await cache.set('overwritten', 'new')).toEqual({ source: 'memory' });
      expect(await cache.getEntry('overwritten')).toEqual({ value: 'new', source: 'memory' });
      await cache.delete('deleted');
      expect(await cache.lookup('deleted')).toEqual({ found: false, source: 'memory' });
      expect((await cache.lookup('absent')).source).toBe('memory');
      expect(cache.stats().errors).toBeGreaterThan(errors);

      nodes.proxies.setLatency(0);
      await waitUntil('Redis accepts writes again', takenByRedis, 20_000);
      // Writes made during the outage are not reverted: replaced and deleted values are also gone from Redis.
      await waitUntil('the old values are gone', async () => {
        const left = await Promise.all([redisHas('overwritten'), redisHas('deleted')]);
        return !left.includes(true);
      });
      expect(await cache.get('overwritten')).not.toBe('old');
      expect(await cache.get('deleted')).toBeUndefined();
      expect(await cache.get('read')).toBe('old');
      expect(await cache.getOrCompute('read', load)).toBe('old');
    },
  );
});
