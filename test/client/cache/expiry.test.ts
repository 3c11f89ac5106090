/** getWithTtl, ttl, exists, setIfAbsent, expire: in Redis, in memory, over two tiers, and with Redis unreachable. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { resolveTtl } from '../../../client/cache/options.ts';
import {
  type Cache,
  ClosedError,
  ConfigurationError,
  memoryCache,
  NotSentError,
  redisCache,
  tieredCache,
} from '../../../client/index.ts';
import { LIMITS } from '../../../client/options/limits.ts';
import { endAfterEachTest } from '../../support/end-after-test.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
const { closeAfterTest, ends } = endAfterEachTest();
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());
const caches: readonly [string, () => Cache][] = [
  ['in Redis', () => redisCache({ address: redis.address, namespace: 'plain' })],
  ['in memory', () => memoryCache()],
  ['over two tiers', () => tieredCache({ address: redis.address, namespace: 'tiers' })],
];

describe.each(caches)('an entry %s', (_, open) => {
  it('has a remaining time that can be read with or without the value', async () => {
    const cache = closeAfterTest(open());
    await cache.set('k', null, { ttlSeconds: 100 });
    const entry = await cache.getWithTtl('k');
    expect(entry?.value).toBeNull();
    for (const seconds of [entry?.ttlSeconds, await cache.ttl('k')]) {
      expect(seconds).toBeGreaterThan(98);
      expect(seconds).toBeLessThanOrEqual(100);
    }
    await cache.set('forever', 1, { ttlSeconds: null });
    expect(await cache.getWithTtl('forever')).toMatchObject({ value: 1, ttlSeconds: null });
    expect(await cache.ttl('forever')).toBeNull();
    expect([await cache.getWithTtl('absent'), await cache.ttl('absent')]).toEqual([undefined, undefined]);
    await cache.clear();
  });

  it('is counted once by exists, even if it is named twice', async () => {
    const cache = closeAfterTest(open());
    await cache.setMany(
      new Map<string, unknown>([
        ['a', 0],
        ['b', ''],
      ]),
    );
    expect([await cache.exists('a', 'b', 'b', 'absent'), await cache.exists()]).toEqual([2, 0]);
    await cache.clear();
  });

  it('is set by exactly one of many concurrent setIfAbsent calls', async () => {
    const cache = closeAfterTest(open());
    const won = await Promise.all(
      Array.from({ length: 20 }, (_, i) => cache.setIfAbsent('k', i, { ttlSeconds: 100 })),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await cache.get('k')).toBe(won.indexOf(true));
    expect(await cache.ttl('k')).toBeGreaterThan(98);
    expect(await cache.setIfAbsent('none', 1, { ttlSeconds: 0 })).toBe(false);
    await cache.delete('k');
    expect(await cache.setIfAbsent('k', 1, { ttlSeconds: null })).toBe(true);
    expect(await cache.setIfAbsent('k', 1)).toBe(false);
    await cache.clear();
  });

  it('accepts a new TTL, no TTL, or immediate expiry', async () => {
    const cache = closeAfterTest(open());
    await cache.set('k', { a: 1 }, { ttlSeconds: 100 });
    expect(await cache.expire('k', 1000)).toBe(true);
    expect(await cache.ttl('k')).toBeGreaterThan(998);
    expect(await cache.expire('k', null)).toBe(true);
    expect(await cache.ttl('k')).toBeNull();
    expect(await cache.get('k')).toEqual({ a: 1 });
    expect(await cache.expire('k', 0.05)).toBe(true);
    await waitUntil('the entry is gone', async () => (await cache.get('k')) === undefined);
    expect([await cache.expire('k', 100), await cache.expire('absent', 100)]).toEqual([false, false]);
    await cache.set('k', 1);
    expect([await cache.expire('k', 0), await cache.get('k')]).toEqual([true, undefined]);
    await expect(cache.expire('k', -1)).rejects.toThrowError(ConfigurationError);
    await cache.clear();
  });

  it('is treated as absent while it is kept only for stale reads, and cannot be made fresh again', async () => {
    const cache = closeAfterTest(open());
    await cache.ping();
    await cache.getOrCompute('k', () => 1, { ttlSeconds: 0.2, graceSeconds: 100 });
    await waitUntil('the value is stored', async () => (await cache.get('k')) === 1);
    await waitUntil('the entry is stale', async () => (await cache.get('k')) === undefined);
    expect([await cache.ttl('k'), await cache.exists('k'), await cache.expire('k', 100)]).toEqual([
      undefined,
      0,
      false,
    ]);
    expect(await cache.getWithTtl('k')).toBeUndefined();
    expect(await cache.setIfAbsent('k', 2)).toBe(true);
    expect(await cache.get('k')).toBe(2);
    await cache.clear();
  });

  it('is absent after one of its tags is invalidated', async () => {
    const cache = closeAfterTest(open());
    await cache.set('k', 1, { tags: ['t'] });
    expect(await cache.exists('k')).toBe(1);
    await cache.invalidateTags('t');
    expect([await cache.exists('k'), await cache.ttl('k')]).toEqual([0, undefined]);
    expect(await cache.setIfAbsent('k', 2, { tags: ['t'] })).toBe(true);
    expect(await cache.get('k')).toBe(2);
    await cache.clear();
  });

  it('cannot be read from a closed cache', async () => {
    const cache = open();
    await cache.close();
    for (const call of [
      cache.ttl('k'),
      cache.exists('k'),
      cache.expire('k', 1),
      cache.setIfAbsent('k', 1),
      cache.getWithTtl('k'),
    ])
      await expect(call).rejects.toThrowError(ClosedError);
  });

  it('cannot be given a new TTL if its tags are outdated or it is a stored negative result', async () => {
    const cache = closeAfterTest(open());
    await cache.set('tagged', 1, { ttlSeconds: 100, tags: ['a', 'b'] });
    expect(await cache.expire('tagged', 500)).toBe(true);
    expect(await cache.ttl('tagged')).toBeGreaterThan(400);
    await cache.invalidateTags('b');
    expect([await cache.get('tagged'), await cache.expire('tagged', 50)]).toEqual([undefined, false]);
    await cache.getOrCompute('nothing', () => undefined, { negativeTtlSeconds: 100 });
    expect([await cache.get('nothing'), await cache.expire('nothing', 50)]).toEqual([undefined, false]);
    await cache.clear();
  });
});

describe('a key of another application', () => {
  it('is treated as absent and left untouched', async () => {
    const cache = closeAfterTest(redisCache({ address: redis.address, namespace: 'foreign' }));
    await redis.admin().rpush('foreign:list', 1);
    expect([await cache.ttl('list'), await cache.exists('list'), await cache.expire('list', 10)]).toEqual([
      undefined,
      0,
      false,
    ]);
    expect(await redis.admin().ttl('foreign:list')).toBe(-1);
  });
});

describe('while Redis is unreachable', () => {
  it('the memory fallback serves its own entries, and setIfAbsent fails', async () => {
    const own = await RedisProcess.start();
    ends.push(() => own[Symbol.asyncDispose]());
    const cache = closeAfterTest(redisCache({ address: own.address, commandTimeoutMs: 100 }));
    await cache.set('old', 1, { ttlSeconds: null });
    await own.kill();
    await waitUntil(
      'the client detects that Redis is unreachable',
      async () => (await cache.lookup('x')).source === 'memory',
    );
    await cache.set('new', 1, { ttlSeconds: 100 });
    expect(await cache.getWithTtl('new')).toMatchObject({ value: 1, source: 'memory' });
    expect(await cache.ttl('new')).toBeGreaterThan(98);
    expect(await cache.exists('new', 'old')).toBe(1);
    expect(await cache.expire('new', 1000)).toBe(true);
    expect(await cache.ttl('new')).toBeGreaterThan(998);
    await expect(cache.setIfAbsent('other', 1)).rejects.toThrowError(NotSentError);
    await expect(cache.setIfAbsent('new', 1)).rejects.toThrowError(NotSentError);
  });

  it('an expiry change that did not reach Redis becomes a deletion when Redis is reachable again', async () => {
    const own = await RedisProcess.start({ conf: ['appendonly yes', 'appendfsync always'] });
    ends.push(() => own[Symbol.asyncDispose]());
    const cache = closeAfterTest(redisCache({ address: own.address, namespace: 'n', commandTimeoutMs: 200 }));
    await cache.set('k', 1, { ttlSeconds: null });
    await own.kill();
    expect(await cache.expire('k', 100)).toBe(false);
    await own.start();
    await waitUntil('the entry is deleted in Redis', async () => {
      await cache.get('other');
      return (await own.admin().exists('n:k')) === 0;
    });
  });
});

describe('a TTL', () => {
  it('is a number of seconds up to ten years, null, or the default; anything else is rejected', () => {
    const number = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.constantFrom(0, -0, LIMITS.ttlSeconds, LIMITS.ttlSeconds + 1),
    );
    fc.assert(
      fc.property(number, (seconds) => {
        const allowed = seconds >= 0 && seconds <= LIMITS.ttlSeconds;
        if (allowed) expect(resolveTtl('ttl', seconds, 5)).toBe(seconds);
        else expect(() => resolveTtl('ttl', seconds, 5)).toThrowError(ConfigurationError);
      }),
    );
    expect([
      resolveTtl('ttl', undefined, 5),
      resolveTtl('ttl', undefined, null),
      resolveTtl('ttl', null, 5),
    ]).toEqual([5, null, null]);
  });

  it('is applied by Redis with a resolution of 1 ms, for every kind of write', async () => {
    const cache = closeAfterTest(redisCache({ address: redis.address, namespace: 'ttl' }));
    const seconds = fc.oneof(
      fc.double({ min: 60, max: LIMITS.ttlSeconds, noNaN: true }),
      fc.integer({ min: 60, max: LIMITS.ttlSeconds }),
    );
    await fc.assert(
      fc.asyncProperty(seconds, fc.constantFrom('set', 'expire', 'setIfAbsent'), async (ttlSeconds, how) => {
        await cache.delete('k');
        const beganAt = Date.now();
        if (how !== 'setIfAbsent') await cache.set('k', 1, { ttlSeconds: how === 'set' ? ttlSeconds : null });
        if (how === 'setIfAbsent') await cache.setIfAbsent('k', 1, { ttlSeconds });
        if (how === 'expire') await cache.expire('k', ttlSeconds);
        const leftMs = await redis.admin().pttl('ttl:k');
        expect(leftMs).toBeLessThanOrEqual(Math.ceil(ttlSeconds * 1000));
        // The lower bound allows for the duration of the commands and for the clocks' resolution of 1 ms.
        expect(leftMs).toBeGreaterThanOrEqual(Math.floor(ttlSeconds * 1000) - (Date.now() - beganAt) - 2);
      }),
    );
  });

  it('expires an entry in memory on time and not earlier, for every kind of write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0.002, max: 1e6, noNaN: true }), async (seconds) => {
        const cache = memoryCache();
        const startedMs = performance.now();
        await cache.set('k', 1, { ttlSeconds: seconds });
        const left = await cache.ttl('k');
        // On a busy machine, an entry with a TTL of milliseconds may have expired already.
        const elapsedSeconds = (performance.now() - startedMs) / 1_000;
        if (typeof left === 'number') {
          expect(left).toBeLessThanOrEqual(seconds + 1e-6);
          expect(left).toBeGreaterThan(seconds - Math.max(1, elapsedSeconds + 0.001));
        } else expect(elapsedSeconds).toBeGreaterThan(seconds - 0.001);
        await cache.close();
      }),
      { numRuns: 50 },
    );
  });
});

describe('an unexpired entry in a tiered cache, when the process clock is an hour ahead', () => {
  const HOUR_MS = 3_600_000;
  /** Returns a cache with an entry, and sets the process clock one hour ahead. */
  const openAhead = async (key: string, tags: readonly string[] = []): Promise<Cache> => {
    const cache = closeAfterTest(tieredCache({ address: redis.address, namespace: 'ahead' }));
    await cache.set(key, 'kept', { ttlSeconds: 60, tags });
    const { now } = Date;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + HOUR_MS);
    ends.push(async () => clock.mockRestore());
    return cache;
  };

  it('is a hit, and is not computed again', async () => {
    const cache = await openAhead('read');
    expect(await cache.get('read')).toBe('kept');
    expect(await cache.getOrCompute('read', () => 'again')).toBe('kept');
    expect(await cache.getMany(['read'])).toEqual(new Map([['read', 'kept']]));
  });

  it('is a hit in the first tier, even if it has tags', async () => {
    const cache = await openAhead('local', ['group']);
    for (let reads = 0; reads < 3; reads++) expect(await cache.get('local')).toBe('kept');
  });

  it('is computed once after its tag is invalidated', async () => {
    const cache = await openAhead('tagged', ['group']);
    await cache.invalidateTags(['group']);
    let loads = 0;
    const load = () => `loaded ${++loads}`;
    expect(await cache.getOrCompute('tagged', load)).toBe('loaded 1');
    expect(loads).toBe(1);
  });

  it('exists, with the remaining time that Redis reports', async () => {
    const cache = await openAhead('there');
    expect(await cache.exists('there')).toBe(1);
    const seconds = await cache.ttl('there');
    expect(seconds).toBeGreaterThan(55);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('is not replaced by setIfAbsent', async () => {
    const cache = await openAhead('held');
    expect(await cache.setIfAbsent('held', 'other')).toBe(false);
    expect(await cache.get('held')).toBe('kept');
  });

  it('can be given another expiry', async () => {
    const cache = await openAhead('longer');
    expect(await cache.expire('longer', 600)).toBe(true);
    expect(await cache.ttl('longer')).toBeGreaterThan(500);
  });
});
