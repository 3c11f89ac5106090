/** Operations on any number of keys use batches of a bounded size and bounded memory. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BATCH_KEYS, inBatches } from '../../../../client/cache/batches.ts';
import { CacheWarmer } from '../../../../client/extras/warming/index.ts';
import { type Cache, ConfigurationError, redisCache, tieredCache } from '../../../../client/index.ts';
import { PATIENT_LOADS } from '../../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../../support/redis-process.ts';

const PROGRAM = join(import.meta.dirname, 'program.ts');
const MANY = 200_000;
const keysTo = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `key:${i}`);

let redis: RedisProcess;
let cache: Cache;
beforeEach(async () => {
  redis = await RedisProcess.start();
  cache = redisCache({
    ...{ address: redis.address, namespace: 'bulk', breaker: { enabled: false } },
    ...PATIENT_LOADS,
  });
  await cache.ping();
});
afterEach(async () => {
  await cache.close();
  await redis[Symbol.asyncDispose]();
});

/** Number of calls per command since the last call to this function. */
async function commands(): Promise<Readonly<Record<string, number>>> {
  const info = await redis.admin().info('commandstats');
  await redis.admin().config('RESETSTAT');
  return Object.fromEntries(
    [...info.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]),
  );
}

describe('200,000 keys', () => {
  const keys = keysTo(MANY);
  const batches = MANY / BATCH_KEYS;

  it('are written, read, counted and deleted in batches of 500', async () => {
    await commands();
    expect(await cache.setMany(new Map(keys.map((key, i) => [key, i])))).toEqual({ source: 'redis' });
    expect((await commands()).set).toBe(MANY);
    const found = await cache.getMany(['absent', ...keys]);
    expect([found.size, found.get('key:0'), found.get(`key:${MANY - 1}`)]).toEqual([MANY, 0, MANY - 1]);
    expect([...found.keys()].slice(0, 3)).toEqual(['key:0', 'key:1', 'key:2']);
    expect((await commands()).mget).toBe(batches + 1);
    const lookups = await cache.lookupMany(['absent', ...keys]);
    expect([lookups.size, lookups.get('absent')]).toEqual([MANY + 1, { found: false, source: 'redis' }]);
    expect(await cache.exists(['absent', ...keys])).toBe(MANY);
    expect((await commands()).mget).toBe(2 * (batches + 1));
    const half = keys.slice(0, MANY / 2);
    expect(await cache.invalidation.invalidate({ keys: half })).toEqual({
      outcome: 'applied',
      deleted: MANY / 2,
    });
    expect(await cache.delete(keys)).toBe(MANY / 2);
    expect((await commands()).unlink).toBe(batches * 1.5);
    expect(await redis.admin().dbsize()).toBe(0);
  });

  it('are loaded with one loader call per batch', async () => {
    const some = keys.slice(0, 20_000);
    const asked: number[] = [];
    const values = await cache.getOrComputeMany(some, (missing) => {
      asked.push(missing.length);
      return new Map(missing.map((key) => [key, key]));
    });
    expect([values.size, [...values.keys()].at(-1)]).toEqual([20_000, 'key:19999']);
    expect(asked).toEqual(Array.from({ length: 40 }, () => BATCH_KEYS));
  });

  it('are invalidated as tags in batches of 500', async () => {
    await cache.set('tagged', 1, { tags: [keys.at(-1) as string] });
    await commands();
    expect(await cache.invalidateTags(keys)).toEqual({ outcome: 'applied', deleted: 0 });
    expect((await commands()).unlink).toBe(batches);
    expect(await cache.get('tagged')).toBeUndefined();
  });

  it('are found and deleted by pattern', async () => {
    await cache.setMany(new Map(keys.map((key) => [key, 1])));
    expect(await cache.invalidation.pattern('key:*')).toEqual({ outcome: 'applied', deleted: MANY });
  });

  it('are warmed by a strategy in one batch', async () => {
    const warmer = new CacheWarmer(cache, [
      { name: 'all', batchSize: 100_000, generate: () => keys.slice(0, 100_000).map((key) => [key, 1]) },
    ]);
    expect(await warmer.runAll()).toMatchObject([{ warmed: 100_000, failed: 0 }]);
    await warmer.close();
  });

  it('are read through a first tier, which serves the keys that it contains', async () => {
    await using tiered = disposable(tieredCache({ address: redis.address, namespace: 'bulk' }));
    await cache.setMany(new Map(keys.slice(0, 1000).map((key) => [key, key])));
    await waitUntil('the first tier serves', async () => {
      await tiered.cache.get('key:0');
      return tiered.cache.stats().localHits > 0;
    });
    const before = tiered.cache.stats().localHits;
    for (let round = 0; round < 2; round++) {
      const found = await tiered.cache.getMany(keys);
      expect([found.size, found.get('key:999')]).toEqual([1000, 'key:999']);
    }
    expect(tiered.cache.stats().localHits - before).toBeGreaterThan(500);
  });
});

describe('1,000,000 keys', () => {
  it('are read, counted, invalidated and deleted in 256 MB of heap, a third of which holds their names', async () => {
    const { host, port } = redis.address;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--max-old-space-size=256', PROGRAM, host, String(port), '1000000'],
      { timeout: 300_000 },
    );
    expect(JSON.parse(stdout)).toEqual({
      found: 1000,
      exist: 1000,
      invalidated: { outcome: 'applied', deleted: 500 },
      deleted: 500,
      left: 0,
    });
  }, 320_000);
});

describe('calls with many keys', () => {
  it('are rejected as a whole when one key is invalid', async () => {
    const keys = keysTo(2000);
    await cache.setMany(new Map(keys.map((key) => [key, 1])));
    await expect(cache.delete([...keys, ''])).rejects.toThrowError(ConfigurationError);
    expect(await cache.exists(keys)).toBe(2000);
  });

  it('accept keys as arguments or as a list', async () => {
    await cache.setMany(new Map(keysTo(4).map((key) => [key, 1])));
    expect(await cache.exists('key:0', 'key:1')).toBe(2);
    expect(await cache.exists(['key:0', 'key:1', 'absent'])).toBe(2);
    expect(await cache.delete('key:0', 'key:1')).toBe(2);
    expect(await cache.delete(['key:2', 'key:3'])).toBe(2);
    expect([await cache.delete(), await cache.delete([]), await cache.exists([])]).toEqual([0, 0, 0]);
    expect(await cache.setMany(new Map())).toEqual({ source: 'none' });
  });
});

describe('batches', () => {
  it('run at most four at a time and in order, and the first one starts immediately', async () => {
    const started: number[] = [];
    const done: number[] = [];
    const waiting: (() => void)[] = [];
    const items = Array.from({ length: 5 * BATCH_KEYS + 1 }, (_, i) => i);
    const all = inBatches(
      items,
      (batch) => {
        started.push(batch[0] as number);
        return new Promise<void>((resolve) => waiting.push(resolve));
      },
      (_, batch) => done.push(batch[0] as number),
    );
    expect(started).toEqual([0, 500, 1000, 1500]);
    // Complete the batches in reverse order.
    for (const end of waiting.splice(0).reverse()) end();
    while (done.length < 6) {
      await Promise.resolve();
      for (const end of waiting.splice(0)) end();
    }
    await all;
    expect(done).toEqual([0, 500, 1000, 1500, 2000, 2500]);
  });

  it('fail with the first error, after the batches in flight have completed', async () => {
    let ended = 0;
    let started = 0;
    const all = inBatches(
      Array.from({ length: 20 * BATCH_KEYS }, (_, i) => i),
      async ([first]) => {
        started += 1;
        await new Promise((resolve) => setImmediate(resolve));
        ended += 1;
        if (first === 0) throw new Error('the first');
      },
      () => {},
    );
    await expect(all).rejects.toThrowError('the first');
    expect([started, ended]).toEqual([4, 4]);
  });
});

function disposable(opened: Cache): AsyncDisposable & { readonly cache: Cache } {
  return {
    cache: opened,
    [Symbol.asyncDispose]: async () => {
      await opened.close();
    },
  };
}
