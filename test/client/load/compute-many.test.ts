/** One loader for many keys: the keys that it receives, and the loads that it shares with single-key loads. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Cache, type RedisCacheOptions, redisCache } from '../../../client/index.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { classifyStoredValue, listLeasedKeys, loadLibrary, recordCommands } from './lease-party.ts';

let redis: RedisProcess;
let cache: Cache;
const opened: Cache[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
  await loadLibrary(redis);
});
beforeEach(async () => {
  await redis.admin().flushdb();
  cache = await open();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(options: RedisCacheOptions = {}): Promise<Cache> {
  // Long enough for a busy machine: these tests do not measure the speed of Redis.
  const compute = { replyTimeoutMs: 5000 };
  const made = redisCache({ address: redis.address, namespace: 'c', ...PATIENT_LIMITS, compute, ...options });
  opened.push(made);
  await made.ping();
  return made;
}
const after = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), ms));
const waitUntilStored = (key: string): Promise<void> =>
  waitUntil(`${key} is stored`, async () => (await classifyStoredValue(redis, `c:${key}`)) === 'entry');
const noLease = (): Promise<void> =>
  waitUntil('no lease is left', async () => (await listLeasedKeys(redis, 'c')).length === 0);
const fail = (): never => {
  throw new Error('no luck');
};

describe('getOrComputeMany', () => {
  const upper = (keys: readonly string[]) => new Map(keys.map((key) => [key, key.toUpperCase()]));

  it('calls the loader once with the missing keys, and returns the values in order', async () => {
    await cache.set('b', 'B');
    const load = vi.fn(upper);
    const names = await recordCommands(redis.admin(), async () => {
      expect([...(await cache.getOrComputeMany(['a', 'b', 'c', 'a'], load))]).toEqual([
        ['a', 'A'],
        ['b', 'B'],
        ['c', 'C'],
      ]);
      await waitUntil('both values are stored', () => cache.stats().writes === 3);
    });
    expect(load.mock.calls.map(([keys]) => keys)).toEqual([['a', 'c']]);
    expect(names).toEqual(['MGET', ...Array(4).fill('FCALL')]);
    expect(await cache.getOrComputeMany(['a', 'b', 'c'], fail)).toEqual(upper(['a', 'b', 'c']));
    expect(await cache.getOrComputeMany([], fail)).toEqual(new Map());
  });

  it('shares loads with single-key calls, in both directions', async () => {
    const first = cache.getOrCompute('a', async () => 'single');
    const load = vi.fn((keys: readonly string[]) => after(50, upper(keys)));
    const many = cache.getOrComputeMany(['a', 'b'], load);
    await waitUntil('the other keys are being loaded', () => load.mock.calls.length === 1);
    const second = cache.getOrCompute('b', fail);
    expect(await first).toBe('single');
    expect(await many).toEqual(
      new Map([
        ['a', 'single'],
        ['b', 'B'],
      ]),
    );
    expect(await second).toBe('B');
    expect(load.mock.calls.map(([keys]) => keys)).toEqual([['b']]);
  });

  it('waits for keys that another process is loading, and loads the other keys meanwhile', async () => {
    const other = await open();
    let finish: (value: string) => void = () => {};
    const theirs = other.getOrCompute('a', () => new Promise<string>((resolve) => (finish = resolve)));
    await waitUntil('the other cache loads', () => other.stats().loads === 1);
    const load = vi.fn(upper);
    const many = cache.getOrComputeMany(['a', 'b'], load);
    await waitUntil('the other keys are loaded', () => load.mock.calls.length === 1);
    finish('theirs');
    expect(await many).toEqual(
      new Map([
        ['a', 'theirs'],
        ['b', 'B'],
      ]),
    );
    expect(await theirs).toBe('theirs');
  });

  it('returns no value for keys that the loader omits, and stores negative results if configured to', async () => {
    const load = vi.fn(() => new Map<string, string>());
    const options = { negativeTtlSeconds: 30 };
    expect(await cache.getOrComputeMany(['a', 'b'], load, options)).toEqual(new Map());
    await waitUntilStored('a');
    await waitUntilStored('b');
    expect(await cache.getOrComputeMany(['a', 'b'], fail, options)).toEqual(new Map());
  });

  it('throws the loader’s error when no stale value is available for a key', async () => {
    await expect(cache.getOrComputeMany(['a', 'b'], fail)).rejects.toThrowError('no luck');
    await noLease();
    const options = { ttlSeconds: 0.1, graceSeconds: 60 };
    await cache.getOrComputeMany(['a', 'b'], upper, options);
    await waitUntilStored('b');
    await waitUntil('the entries are stale', async () => (await cache.getMany(['a', 'b'])).size === 0);
    expect(await cache.getOrComputeMany(['a', 'b'], fail, options)).toEqual(upper(['a', 'b']));
  });

  it('refreshes stale entries with one load in the background', async () => {
    const options = { ttlSeconds: 0.1, staleWhileRevalidateSeconds: 60 };
    await cache.getOrComputeMany(['a', 'b'], upper, options);
    await waitUntilStored('b');
    await waitUntil('the entries are stale', async () => (await cache.getMany(['a', 'b'])).size === 0);
    const load = vi.fn((keys: readonly string[]) => new Map(keys.map((key) => [key, 'new'])));
    expect(await cache.getOrComputeMany(['a', 'b'], load, { ...options, ttlSeconds: 60 })).toEqual(
      upper(['a', 'b']),
    );
    await waitUntil('the entries are fresh', async () => (await cache.getMany(['a', 'b'])).size === 2);
    expect(load.mock.calls.map(([keys]) => [...keys].sort())).toEqual([['a', 'b']]);
  });

  it('returns values while Redis is unreachable', async () => {
    const away = await RedisProcess.start();
    const own = redisCache({ address: away.address });
    opened.push(own);
    await own.ping();
    await away[Symbol.asyncDispose]();
    expect(await own.getOrComputeMany(['a', 'b'], upper)).toEqual(upper(['a', 'b']));
  });
});
