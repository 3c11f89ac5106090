/**
 * The client on other versions of Redis and on Valkey (`test/support/servers.ts`): the contract of every cache, in each
 * scripting mode, and the features that depend on the server version.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheEvent,
  type RedisCacheOptions,
  redisCache,
  tieredCache,
} from '../../client/index.ts';
import { cacheContract } from '../contracts/cache.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../support/redis-process.ts';
import { hasFunctions, listTestServers, matchWantedServers } from '../support/servers.ts';
import { classifyStoredValue, listLeasedKeys, recordCommands, SCRIPTING } from './load/lease-party.ts';

const servers = await listTestServers();

for (const { name, server } of matchWantedServers(servers)) {
  const title = `the client is tested on ${name}`;
  it.runIf(server)(server ? title : `${title} [skipped: KIT_TEST_SERVERS has no such server]`, async () => {
    await using redis = await RedisProcess.start({ binary: server?.path as string });
    expect(await redis.admin().info('server')).toContain(server?.version);
  });
}

describe.each(servers)('the client on $name', (server) => {
  let redis: RedisProcess;
  const opened: Cache[] = [];
  beforeAll(async () => {
    redis = await RedisProcess.start({ binary: server.path });
  });
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.close();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  /** A timeout that even a busy machine does not exceed. */
  const compute = { replyTimeoutMs: 5000 };
  const open = async (options: RedisCacheOptions = {}): Promise<Cache> => {
    const cache = redisCache({
      address: redis.address,
      namespace: 'v',
      ...PATIENT_LIMITS,
      compute,
      ...options,
    });
    opened.push(cache);
    await cache.ping();
    return cache;
  };

  describe.each(Object.entries(SCRIPTING))('by %s', (way, scripting) => {
    cacheContract('keeps the contract of every cache', 'redis', async () =>
      redisCache({ address: redis.address, namespace: `${way}:one`, ...PATIENT_LIMITS, compute, scripting }),
    );
    cacheContract('keeps the contract in two tiers', 'tiered', async () => {
      const cache = tieredCache({
        address: redis.address,
        namespace: `${way}:two`,
        ...PATIENT_LIMITS,
        compute,
        scripting,
      });
      await cache.ping();
      return cache;
    });

    it('shares one load between two caches, stores and refreshes', async () => {
      const [one, two] = [
        await open({ scripting, namespace: `${way}:l` }),
        await open({ scripting, namespace: `${way}:l` }),
      ];
      const gate = Promise.withResolvers<string>();
      const first = one.getOrCompute('k', () => gate.promise);
      await waitUntil('the load has begun', () => one.stats().loads === 1);
      const second = two.getOrCompute('k', () => 'own');
      await waitUntil('the other cache waits', () => two.stats().misses === 1);
      gate.resolve('loaded');
      expect([await first, await second, two.stats().loads]).toEqual(['loaded', 'loaded', 0]);
      const options = { ttlSeconds: 0.05, staleWhileRevalidateSeconds: 60 };
      await one.getOrCompute('stale', () => 'old', options);
      await waitUntil('the value is stored', () => one.stats().writes === 2);
      await waitUntil('the entry is stale', async () => (await one.get('stale')) === undefined);
      expect(await two.getOrCompute('stale', () => 'new', { ...options, ttlSeconds: 60 })).toBe('old');
      await waitUntil('the entry is refreshed', async () => (await one.get('stale')) === 'new');
      await waitUntil('no lease is left', async () => (await listLeasedKeys(redis, `${way}:l`)).length === 0);
    });

    it('supports tags, deadlines and patterns', async () => {
      const cache = await open({ scripting, namespace: `${way}:t` });
      await cache.set('a', 1, { tags: ['x', 'y'] });
      expect(await cache.getOrCompute('b', () => 2, { tags: ['y'] })).toBe(2);
      await waitUntil('the value is stored', async () => (await cache.get('b')) === 2);
      await cache.invalidateTags('x');
      expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, 2]);
      await cache.invalidateTags('y');
      expect(await cache.getOrCompute('b', () => 3, { tags: ['y'] })).toBe(3);
      await waitUntil('the entry is replaced', async () => (await cache.get('b')) === 3);
      expect(await cache.expire('b', 100)).toBe(true);
      expect(await cache.ttl('b')).toBeGreaterThan(99);
      expect([await cache.setIfAbsent('b', 4), await cache.setIfAbsent('c', 4)]).toEqual([false, true]);
      expect((await cache.invalidation.pattern('*')).deleted).toBe(3);
    });

    it('returns the loaded value when the server is full', async () => {
      const events: CacheEvent[] = [];
      const cache = await open({ scripting, namespace: `${way}:full` });
      await cache.set('there', 1);
      await cache.getOrCompute('first', () => 1);
      await waitUntil('the value is stored', () => cache.stats().writes === 2);
      cache.on((event) => events.push(event));
      await redis.admin().config('SET', 'maxmemory', '1');
      try {
        expect(await cache.getOrCompute('k', () => 'v', { tags: ['t'] })).toBe('v');
        expect(await cache.getOrCompute('k', () => 'v')).toBe('v');
        expect(await cache.getOrCompute('there', () => 2)).toBe(1);
      } finally {
        await redis.admin().config('SET', 'maxmemory', '0');
      }
      expect(events).toContainEqual(expect.objectContaining({ type: 'refused', operation: 'getOrCompute' }));
      expect(await cache.getOrCompute('again', () => 'v')).toBe('v');
      await waitUntil(
        'the cache stores values again',
        async () => (await classifyStoredValue(redis, `${way}:full:again`)) === 'entry',
      );
    });
  });

  it(`loads by ${hasFunctions(server) ? 'functions that it loads itself' : 'a script'}: 2 commands per cold key`, async () => {
    const cache = await open({ namespace: 'cold' });
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    const sent = await recordCommands(redis.admin(), async () => {
      await Promise.all(keys.map((key) => cache.getOrCompute(key, () => key)));
      await waitUntil('all values are stored', () => cache.stats().writes === keys.length);
    });
    const procedure = hasFunctions(server) ? 'FCALL' : 'EVALSHA';
    expect(sent.filter((name) => name === procedure).length).toBeGreaterThanOrEqual(2 * keys.length - 1);
    expect(sent.length).toBeLessThanOrEqual(2 * keys.length + 4);
  });
});
