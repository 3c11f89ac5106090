/** Prediction of reads based on past days, and warming that uses the prediction. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  AccessHistory,
  CacheWarmer,
  observeReads,
  predictiveStrategy,
  type WarmEntry,
} from '../../../../client/extras/warming/index.ts';
import { type Cache, redisCache } from '../../../../client/index.ts';
import { RedisProcess } from '../../../support/redis-process.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A Monday, 09:00 UTC. */
const NINE = Date.UTC(2026, 0, 5, 9);

function historyOf(
  ...days: readonly (readonly [daysAgo: number, key: string, reads: number])[]
): AccessHistory {
  const history = new AccessHistory();
  for (const [daysAgo, key, reads] of [...days].sort(([a], [b]) => b - a)) {
    for (let n = 0; n < reads; n += 1) history.record(key, NINE - daysAgo * DAY + n);
  }
  return history;
}

describe('AccessHistory', () => {
  it('expects the keys that were read in the same hour of past days, most-read keys first', () => {
    const history = historyOf([1, 'often', 10], [1, 'seldom', 2], [2, 'often', 10]);
    expect(history.expected(NINE + HOUR / 2).map(({ key }) => key)).toEqual(['often', 'seldom']);
    expect(history.expected(NINE)[0]?.reads).toBeCloseTo(10);
    expect(history.expected(NINE + HOUR)).toEqual([]);
  });

  it('gives more weight to recent days, and as much weight to the same day last week as to yesterday', () => {
    const reads = (daysAgo: number) =>
      historyOf([daysAgo, 'key', 10], ...[1, 2, 5, 7].map((day) => [day, 'other', 1] as const))
        .expected(NINE, 0)
        .find(({ key }) => key === 'key')?.reads ?? 0;
    expect(reads(1)).toBeGreaterThan(reads(2));
    expect(reads(2)).toBeGreaterThan(reads(5));
    expect(reads(7)).toBeCloseTo(reads(1));
  });

  it('ignores days that were not observed', () => {
    expect(historyOf([3, 'key', 4]).expected(NINE)).toEqual([{ key: 'key', reads: 4 }]);
  });

  it('keeps the keys with the most reads per hour, and drops hours after the configured number of days', () => {
    const history = new AccessHistory({ days: 2, keysPerHour: 3 });
    for (let i = 0; i < 50; i += 1) for (let n = 0; n <= i; n += 1) history.record(`key:${i}`, NINE - DAY);
    history.record('later', NINE);
    const kept = history.expected(NINE).map(({ key }) => key);
    expect(kept.sort()).toEqual(['key:47', 'key:48', 'key:49']);
    history.record('latest', NINE + 2 * DAY);
    expect(history.toJSON().hours.map(([, counts]) => counts.map(([key]) => key))).toEqual([
      ['later'],
      ['latest'],
    ]);
  });

  it('survives a restart as JSON', () => {
    const history = historyOf([1, 'a', 3], [2, 'b', 2]);
    const restored = AccessHistory.from(JSON.parse(JSON.stringify(history)));
    expect(restored.expected(NINE)).toEqual(history.expected(NINE));
    expect(() => AccessHistory.from({} as never)).toThrow('must be the result of toJSON()');
  });
});

describe('predictiveStrategy', () => {
  let redis: RedisProcess;
  let cache: Cache;
  beforeAll(async () => {
    redis = await RedisProcess.start();
    cache = redisCache({ address: redis.address });
  });
  beforeEach(() => redis.admin().flushall());
  afterAll(async () => {
    await cache.close();
    await redis[Symbol.asyncDispose]();
  });

  it('refreshes the expected keys before the hour, through the warmer', async () => {
    const history = historyOf([1, 'report:1', 5], [1, 'report:2', 3], [1, 'rare', 1]);
    const loaded: string[] = [];
    const load = (key: string) => {
      loaded.push(key);
      return { key };
    };
    const now = () => NINE - 5 * 60_000;
    const warmer = new CacheWarmer(cache, [
      predictiveStrategy(cache, { history, load, now, minReads: 2, ttlSeconds: 4000 }),
    ]);
    const report = await warmer.run('predictive');
    await warmer.close();
    expect(report).toMatchObject({ warmed: 2, failed: 0 });
    expect(loaded).toEqual(['report:1', 'report:2']);
    expect(await cache.get('report:1')).toEqual({ key: 'report:1' });
    expect(await cache.ttl('report:1')).toBeGreaterThan(3900);
  });

  it('refreshes the other keys when one key cannot be loaded, and reports the failure', async () => {
    const history = historyOf([1, 'broken', 9], [1, 'loadable', 5]);
    const load = (key: string) => {
      if (key === 'broken') throw new Error('no such report');
      return 'new';
    };
    const warmer = new CacheWarmer(cache, [
      predictiveStrategy(cache, { history, load, now: () => NINE - 5 * 60_000 }),
    ]);
    const report = await warmer.run('predictive');
    await warmer.close();
    expect(report).toMatchObject({ warmed: 1, failed: 1, error: { message: 'no such report' } });
    expect(await cache.get('loadable')).toBe('new');
  });

  it('skips an entry that does not expire before the end of the hour, and a key without a value', async () => {
    const history = historyOf([1, 'long', 9], [1, 'short', 5], [1, 'gone', 3]);
    await cache.set('long', 'old', { ttlSeconds: 4000 });
    await cache.set('short', 'old', { ttlSeconds: 1000 });
    const load = (key: string) => (key === 'gone' ? undefined : 'new');
    const strategy = predictiveStrategy(cache, { history, load, now: () => NINE - 5 * 60_000 });
    const entries: WarmEntry[] = [];
    for await (const entry of await strategy.generate(new AbortController().signal)) entries.push(entry);
    expect(entries).toEqual([['short', 'new']]);
  });

  it('counts hits and misses of the observed cache', async () => {
    const history = new AccessHistory();
    const observed = observeReads(cache, history);
    await observed.set('a', 1);
    await observed.getMany(['a', 'b']);
    await observed.get('a');
    const hours = history.toJSON().hours.flatMap(([, counts]) => counts);
    expect(Object.fromEntries(hours)).toEqual({ a: 2, b: 1 });
  });

  it('runs five minutes before each hour by default, and names an invalid option', () => {
    const history = new AccessHistory();
    expect(predictiveStrategy(cache, { history, load: () => 1 })).toMatchObject({
      name: 'predictive',
      schedule: '55 * * * *',
      onStartup: false,
    });
    expect(() => predictiveStrategy(cache, { history: {} as never, load: () => 1 })).toThrow('history');
    expect(() => predictiveStrategy(cache, { history, load: () => 1, leadMinutes: 45 })).toThrow(
      'leadMinutes',
    );
  });
});
