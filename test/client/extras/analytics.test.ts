import { afterEach, describe, expect, it } from 'vitest';
import {
  type AnalyticsEvent,
  type AnalyticsOptions,
  CacheAnalytics,
  domainOf,
  estimateSavings,
} from '../../../client/extras/analytics/index.ts';
import { type Cache, ConfigurationError, memoryCache, redisCache } from '../../../client/index.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function openAnalytics(options: AnalyticsOptions = {}, over: Cache = memoryCache()) {
  const analytics = new CacheAnalytics(over, options);
  const events: AnalyticsEvent[] = [];
  analytics.on((event) => events.push(event));
  ends.push(
    () => over.close(),
    () => analytics.close(),
  );
  return { analytics, cache: analytics.cache, events };
}

describe('the savings of a cache', () => {
  it('are computed from the query rate, the hit ratio and the costs, and include the arithmetic', () => {
    const savings = estimateSavings({
      queriesPerHour: 10_000,
      hitRatio: 0.8,
      savedMsPerHit: 150,
      costPerCall: 0.01,
    });
    expect(savings.computeHoursPerYear).toBeCloseTo(2920, 9);
    expect(savings.callsSavedPerDay).toBe(192_000);
    expect(savings.costSavedPerYear).toBeCloseTo(700_800, 6);
    expect(savings.arithmetic).toBe(
      '10000 queries/h x 0.8 hits x 150 ms x 8760 h/year / 3600000 ms/h = 2920 compute hours/year; 10000 x 0.8 x 24 h = 192000 calls/day',
    );
  });

  it('reject invalid figures', () => {
    expect(() => estimateSavings({ queriesPerHour: -1, hitRatio: 0.5, savedMsPerHit: 1 })).toThrowError(
      /queriesPerHour: must .*, got -1/,
    );
    expect(() => estimateSavings({ queriesPerHour: 1, hitRatio: 1.5, savedMsPerHit: 1 })).toThrowError(
      ConfigurationError,
    );
  });
});

describe('analytics', () => {
  it('count hits, misses, loads and load times per domain, for every kind of read', async () => {
    const { analytics, cache } = openAnalytics({ loadMs: 100, costPerCall: 2 });
    await cache.set('v1:natal:1', 1);
    await cache.get('v1:natal:1');
    await cache.lookup('v1:natal:2');
    await cache.getMany(['v1:natal:1', 'v1.0a1b2c3d:chart:1', 'other']);
    expect(await cache.getOrCompute('v1:chart:2', () => 5)).toBe(5);
    const { total, groups, saved, perYear } = analytics.report();
    expect(groups.map(({ group, hits, misses, loads }) => [group, hits, misses, loads])).toEqual([
      ['natal', 2, 1, 0],
      ['chart', 0, 2, 1],
      ['other', 0, 1, 0],
    ]);
    expect(total).toMatchObject({ hits: 2, misses: 4, hitRatio: 1 / 3, loads: 1 });
    expect(total.loadMs).toBeGreaterThanOrEqual(0);
    expect(saved).toEqual({
      calls: 2,
      computeHours: 200 / 3_600_000,
      cost: 4,
      arithmetic: expect.stringMatching(/^2 hits x 100 ms/),
    });
    expect(perYear?.arithmetic).toMatch(/queries\/h x 0\.33 hits x 100 ms/);
  });

  it('count keys as misses if a batch load requests them', async () => {
    const { analytics, cache } = openAnalytics();
    await cache.set('user:1', 1);
    const found = await cache.getOrComputeMany(
      ['user:1', 'user:2', 'user:3'],
      (keys) => new Map(keys.map((key) => [key, 0])),
    );
    expect([...found]).toEqual([
      ['user:1', 1],
      ['user:2', 0],
      ['user:3', 0],
    ]);
    expect(analytics.report().groups).toMatchObject([{ group: 'user', hits: 1, misses: 2, loads: 2 }]);
  });

  it('report no ratio before the first read', () => {
    const { total, perYear, size } = openAnalytics().analytics.report();
    expect([total.hitRatio, total.loadMs, perYear, size.keysPerHour]).toEqual([null, null, null, null]);
  });

  it('are grouped by the configured function, with a bounded number of groups', async () => {
    const { analytics, cache } = openAnalytics({ groupOf: (key) => key });
    for (let i = 0; i < 1005; i++) await cache.get(`k${i}`);
    const { groups } = analytics.report();
    expect(groups).toHaveLength(1001);
    expect(groups[0]).toMatchObject({ group: 'other', misses: 5 });
  });

  it('raise one alert when the hit ratio falls below the bound, and one event when it recovers', async () => {
    const { analytics, cache, events } = openAnalytics({ minReads: 10 });
    await cache.set('k', 1);
    const read = async (hits: number, misses: number): Promise<void> => {
      for (let i = 0; i < hits; i++) await cache.get('k');
      for (let i = 0; i < misses; i++) await cache.get('absent');
      await analytics.sample();
    };
    await read(4, 5);
    expect(events).toEqual([]);
    await read(0, 1);
    await read(1, 9);
    await read(5, 5);
    expect(events).toEqual([
      { type: 'low-hit-ratio', hitRatio: 0.4, reads: 10, alertBelow: 0.5 },
      { type: 'hit-ratio-recovered', hitRatio: 0.5, reads: 10 },
    ]);
  });

  it('track the size of the database if the user is allowed to query it', async () => {
    await using redis = await RedisProcess.start({ conf: ['user shy on >secret ~* &* +@all -info -dbsize'] });
    const { analytics, cache } = openAnalytics({ samplesMax: 3 }, redisCache({ address: redis.address }));
    await analytics.sample();
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await cache.set(`k${i}`, 'x'.repeat(100_000));
      await analytics.sample();
    }
    const { samples, keysPerHour, bytesPerHour } = analytics.report().size;
    expect(samples.map(({ keys }) => keys)).toEqual([1, 2, 3]);
    expect(keysPerHour).toBeGreaterThan(0);
    expect(bytesPerHour).toBeGreaterThan(0);
    const shy = openAnalytics(
      {},
      redisCache({ address: redis.address, username: 'shy', password: 'secret' }),
    );
    expect(await shy.analytics.sample()).toMatchObject({ keys: null, usedBytes: null });
    for (const end of ends.splice(0).reverse()) await end();
  });

  it('take samples periodically', async () => {
    const { analytics } = openAnalytics({ sampleMs: 5 });
    await expect.poll(() => analytics.report().size.samples.length).toBeGreaterThan(1);
  });

  it('reject invalid settings', () => {
    for (const bad of [{ sampleMs: 0 }, { samplesMax: 1.5 }, { minReads: 0 }, { alertBelow: 2 }])
      expect(() => openAnalytics(bad)).toThrowError(ConfigurationError);
  });

  it('derive the domain from a key', () => {
    expect(['v1:natal:3f', 'v12.9c2e11aa:natal:3f', 'natal:42', 'plain', 'v1'].map(domainOf)).toEqual([
      'natal',
      'natal',
      'natal',
      'plain',
      'v1',
    ]);
  });
});
