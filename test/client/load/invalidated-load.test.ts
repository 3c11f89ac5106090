/** A load whose key is read, set, deleted or flushed before the load ends, by another cache or another program. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Cache, type CacheOptions, redisCache } from '../../../client/index.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { classifyStoredValue, SCRIPTING } from './lease-party.ts';

let redis: RedisProcess;
const opened: Cache[] = [];
beforeAll(async () => {
  redis = await RedisProcess.start();
});
beforeEach(() => redis.admin().flushall());
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(options: CacheOptions = {}): Promise<Cache> {
  // Timeouts that even a busy machine does not exceed.
  const compute = { replyTimeoutMs: 5000, leaseMs: 60_000 };
  const cache = redisCache({
    address: redis.address,
    namespace: 'o',
    ...PATIENT_LIMITS,
    compute,
    ...options,
  });
  opened.push(cache);
  await cache.ping();
  return cache;
}

let loads = 0;

/** Starts a load. The returned function ends the load, and resolves after the attempt to store its value. */
async function loading(cache: Cache, key: string, options = {}): Promise<() => Promise<void>> {
  const gate = Promise.withResolvers<string>();
  const load = vi.fn(() => gate.promise);
  const answer = cache.getOrCompute(key, load, options);
  await waitUntil('the load has begun', () => load.mock.calls.length === 1);
  return async () => {
    gate.resolve('loaded');
    await answer;
    // Stores run in the order of their loads. Once the value of a later load is stored, the store of this load has been
    // attempted.
    loads += 1;
    const later = `later:${loads}`;
    await cache.getOrCompute(later, () => 'v');
    await waitUntil(
      'a later load is stored',
      async () => (await classifyStoredValue(redis, `o:${later}`)) === 'entry',
    );
  };
}

describe.each(Object.entries(SCRIPTING))('a load by %s', (_, scripting) => {
  let cache: Cache;
  let other: Cache;
  beforeEach(async () => {
    await redis.admin().call('FUNCTION', 'FLUSH');
    cache = await open({ scripting });
    other = await open({ scripting });
    await cache.getOrCompute('first', () => 1);
  });

  it('is a miss for every reader of its key until it ends', async () => {
    const end = await loading(cache, 'k');
    expect(await other.lookup('k')).toEqual({ found: false, source: 'redis' });
    expect(await other.getMany(['k'])).toEqual(new Map());
    expect([await other.getWithTtl('k'), await other.ttl('k'), await other.exists('k')]).toEqual([
      undefined,
      undefined,
      0,
    ]);
    expect(await other.expire('k', 10)).toBe(false);
    expect([cache.stats().purged, other.stats().purged]).toEqual([0, 0]);
    await end();
    await waitUntil('the value is stored', async () => (await other.get('k')) === 'loaded');
  });

  it.each([
    ['set', () => other.set('k', 'newer'), 'newer'],
    ['set by setIfAbsent', () => other.setIfAbsent('k', 'newer'), 'newer'],
    ['deleted', () => other.delete('k'), undefined],
    ['cleared', () => other.clear(), undefined],
    ['deleted by pattern', () => other.invalidation.pattern('k*'), undefined],
    ['deleted by another program', () => redis.admin().del('o:k'), undefined],
    ['flushed', () => redis.admin().flushall(), undefined],
    ['set by another program for a moment', () => redis.admin().set('o:k', 'x', 'PX', 1), undefined],
  ])('is not stored when the key was %s during the load', async (name, invalidate, expected) => {
    const end = await loading(cache, 'k');
    await invalidate();
    if (name.endsWith('moment'))
      await waitUntil(
        'the value expires',
        async () => (await classifyStoredValue(redis, 'o:k')) === 'absent',
      );
    await end();
    expect(await other.get('k')).toBe(expected);
  });

  it.each([
    ['absent', false],
    ['stale', true],
  ])('is not stored for an %s entry if a newer value was set and has already expired', async (_, isStale) => {
    const options = { ttlSeconds: 0.05, staleWhileRevalidateSeconds: 60 };
    for (const isInvalidated of [true, false]) {
      const key = `k:${isInvalidated}`;
      if (isStale) {
        await cache.getOrCompute(key, () => 'old', options);
        await waitUntil(
          'the value is stored',
          async () => (await classifyStoredValue(redis, `o:${key}`)) === 'entry',
        );
        await waitUntil('the entry is stale', async () => (await cache.get(key)) === undefined);
      }
      const end = await loading(cache, key, { ...options, ttlSeconds: 60 });
      if (isInvalidated) {
        await other.set(key, 'newer', { ttlSeconds: 0.05 });
        await waitUntil(
          'the value expires',
          async () => (await classifyStoredValue(redis, `o:${key}`)) === 'absent',
        );
      }
      await end();
      expect([isInvalidated, await other.get(key)]).toEqual([
        isInvalidated,
        isInvalidated ? undefined : 'loaded',
      ]);
    }
  });
});
