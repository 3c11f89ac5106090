/** The first tier has a limit in bytes, which covers payloads and the values decoded from them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, type TieredCacheOptions, tieredCache } from '../../../client/index.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

describe('the memory of a first tier', () => {
  let redis: RedisProcess;
  let cache: Cache;
  beforeAll(async () => {
    redis = await RedisProcess.start();
  });
  afterEach(() => cache.close());
  afterAll(() => redis[Symbol.asyncDispose]());

  async function open(options: TieredCacheOptions = {}): Promise<void> {
    cache = tieredCache({ address: redis.address, namespace: 'bytes', ...options });
    await cache.set('probe', 1);
    await waitUntil('the first tier serves', async () => {
      await cache.get('probe');
      return cache.stats().localHits > 0;
    });
  }
  const gauge = (name: string): number =>
    Number(new RegExp(`memory_${name}\\{.*\\} (\\d+)$`, 'm').exec(cache.metrics())?.[1]);
  /** Reads the entry often enough for the first tier to store it, unless the tier rejects it. */
  async function read(key: string): Promise<void> {
    for (let i = 0; i < 5; i++) await cache.get(key);
  }

  it('counts a deflated value at its full decoded size', async () => {
    await open({ deflateAboveBytes: 1000 });
    const value = { text: 'x'.repeat(1_000_000) };
    await cache.set('k', value);
    await waitUntil('the value is served from the first tier', async () => {
      const before = cache.stats().localHits;
      expect(await cache.get('k')).toEqual(value);
      return cache.stats().localHits > before;
    });
    expect(gauge('entries_bytes')).toBeGreaterThan(3_000_000);
    expect(gauge('entries_bytes')).toBeLessThan(3_100_000);
  });

  it('is limited to 64 MiB by default', async () => {
    await open();
    const value = Buffer.alloc(2_000_000, 1);
    for (let i = 0; i < 60; i++) {
      await cache.set(`k${i}`, value);
      await read(`k${i}`);
    }
    expect(gauge('entries_bytes')).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(gauge('entries_bytes')).toBeGreaterThan(50_000_000);
  });

  it('does not hold a value that exceeds its limit; the value is served from Redis', async () => {
    await open({ l1: { maxBytes: 100_000 } });
    const value = 'x'.repeat(90_000);
    await cache.set('k', value);
    const { localHits } = cache.stats();
    await read('k');
    expect(await cache.getEntry('k')).toEqual({ value, source: 'redis' });
    expect([gauge('entries_bytes') < 10_000, cache.stats().localHits - localHits < 5]).toEqual([true, true]);
  });
});
