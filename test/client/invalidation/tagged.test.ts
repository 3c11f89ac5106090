import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, memoryCache, redisCache, tieredCache } from '../../../client/index.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start({});
});
afterAll(() => redis[Symbol.asyncDispose]());

// These tests count loads: a slow reply on a busy machine must not cause another load.
const compute = { replyTimeoutMs: 5_000 };
const ways: readonly (readonly [string, () => Cache])[] = [
  ['in memory', () => memoryCache()],
  [
    'over Redis',
    () => redisCache({ address: redis.address, namespace: 'plain', ...PATIENT_LIMITS, compute }),
  ],
  [
    'in two tiers',
    () => tieredCache({ address: redis.address, namespace: 'two', ...PATIENT_LIMITS, compute }),
  ],
];

describe.each(ways)('tagged entries %s', (_, open) => {
  it('are misses after one of their tags is invalidated, while other entries are not', async () => {
    const cache = open();
    await cache.set('a', 1, { tags: ['x', 'y'] });
    await cache.set('b', 2, { tags: ['y'] });
    await cache.set('c', 3);
    expect([await cache.get('a'), await cache.get('b'), await cache.get('c')]).toEqual([1, 2, 3]);
    await cache.invalidation.tags('x');
    expect([await cache.get('a'), await cache.get('b'), await cache.get('c')]).toEqual([undefined, 2, 3]);
    await cache.set('a', 4, { tags: ['x'] });
    expect(await cache.get('a')).toBe(4);
    await cache.close();
  });

  it('are misses if one of their tags was invalidated while they were loading', async () => {
    const cache = open();
    let loaded = (): void => {};
    const loading = cache.getOrCompute(
      'l',
      () => new Promise<number>((resolve) => (loaded = () => resolve(1))),
      { tags: ['t'] },
    );
    await waitUntil('the load has begun', () => cache.stats().loads === 1);
    await cache.invalidation.tags('t');
    loaded();
    expect(await loading).toBe(1);
    expect(await cache.getOrCompute('l', () => 2, { tags: ['t'] })).toBe(2);
    await cache.close();
  });

  it('are set and deleted in the order of the calls', async () => {
    const cache = open();
    const set = cache.set('o', 1, { tags: [`order-${Math.random()}`] });
    const removed = cache.delete('o');
    await Promise.all([set, removed]);
    expect(await cache.get('o')).toBeUndefined();
    await cache.close();
  });

  it('are replaced by the last of several writes to the same key', async () => {
    const cache = open();
    const tags = [`order-${Math.random()}`];
    await Promise.all([cache.set('p', 1, { tags }), cache.set('p', 2)]);
    expect(await cache.get('p')).toBe(2);
    const more = [`order-${Math.random()}`];
    await Promise.all([
      cache.set('q', 1, { tags: more }),
      cache.set('q', 2, { tags: [`${more[0]}-b`] }),
      cache.set('q', 3),
      cache.delete('q'),
      cache.set('q', 4),
    ]);
    expect(await cache.get('q')).toBe(4);
    await cache.close();
  });

  it('are misses after a key they depend on is set for the first time or deleted by pattern', async () => {
    const cache = open();
    cache.invalidation.depend('made', ['part:1']);
    await cache.set('made', 'of nothing');
    expect(await cache.setIfAbsent('part:1', 1)).toBe(true);
    expect(await cache.get('made')).toBeUndefined();
    await cache.set('made', 'of 1');
    await cache.invalidation.pattern('part:*');
    expect(await cache.get('made')).toBeUndefined();
    await cache.close();
  });

  it('reject a reserved name', async () => {
    const cache = open();
    await expect(cache.set('k', 1, { tags: ['~a'] })).rejects.toThrowError(/~a/);
    const load = (): Promise<number> => new Promise((resolve) => setImmediate(resolve, 1));
    const refused = expect(cache.getOrCompute('l', load, { tags: [''] })).rejects.toThrowError(/empty/);
    // A rejected tag does not make other invalidations fail.
    expect(await cache.invalidateTags('other')).toMatchObject({ outcome: 'applied' });
    await refused;
    await expect(cache.set('~k', 1)).rejects.toThrowError(/~k/);
    await cache.close();
  });
});

describe('tags of several processes', () => {
  it('invalidate entries in the first tier of another process, with one command for all entries', async () => {
    const [one, other] = [1, 2].map(() => tieredCache({ address: redis.address, namespace: 'shared' }));
    if (!one || !other) throw new Error('the test needs two caches');
    for (let i = 0; i < 50; i++) await one.set(`k${i}`, i, { tags: ['all'] });
    await waitUntil('the other cache has the entries in its first tier', async () => {
      const entries = await Promise.all(Array.from({ length: 50 }, (_, i) => other.getEntry(`k${i}`)));
      return entries.every((entry) => entry?.source === 'l1');
    });
    const unlinked = async (): Promise<number> =>
      Number(/cmdstat_unlink:calls=(\d+)/.exec(await redis.admin().info('commandstats'))?.[1] ?? 0);
    const before = await unlinked();
    await one.invalidation.tags('all');
    expect((await unlinked()) - before).toBe(1);
    await waitUntil('all entries are misses in the other cache', async () => {
      const found = await other.getMany(Array.from({ length: 50 }, (_, i) => `k${i}`));
      return found.size === 0;
    });
    await Promise.all([one.close(), other.close()]);
  });

  it('add no command to a read if their versions are cached', async () => {
    const cache = redisCache({ address: redis.address, namespace: 'known' });
    await cache.set('k', 1, { tags: ['a', 'b'] });
    await waitUntil('the versions of the tags are cached', async () => {
      await redis.admin().config('RESETSTAT');
      await cache.get('k');
      return !(await redis.admin().info('commandstats')).includes('cmdstat_mget');
    });
    await cache.close();
  });
});
