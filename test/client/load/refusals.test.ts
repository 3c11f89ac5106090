/**
 * A Redis that replies with errors: getOrCompute returns the value of its loader, and the refusal is counted and
 * reported. This holds with and without tags, for one key and many, for absent values, stale values and values within
 * their grace period, in each scripting mode.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, type CacheEvent, type RedisCacheOptions, redisCache } from '../../../client/index.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { listLeasedKeys, SCRIPTING } from './lease-party.ts';

type Refused = Extract<CacheEvent, { type: 'refused' }>;

let redis: RedisProcess;
const opened: Cache[] = [];
beforeAll(async () => {
  redis = await RedisProcess.start({ conf: ['busy-reply-threshold 10'] });
});
afterAll(() => redis[Symbol.asyncDispose]());

async function reset(): Promise<void> {
  for (const cache of opened.splice(0)) await cache.close();
  await redis.admin().flushall();
}

interface Told {
  readonly cache: Cache;
  readonly refused: Refused[];
}

async function open(options: RedisCacheOptions = {}): Promise<Told> {
  const refused: Refused[] = [];
  const cache = redisCache({
    address: redis.address,
    namespace: 'r',
    ...PATIENT_LIMITS,
    compute: { replyTimeoutMs: 5000 },
    ...options,
  });
  cache.on((event) => {
    if (event.type === 'refused') refused.push(event);
  });
  opened.push(cache);
  await cache.ping();
  return { cache, refused };
}

/**
 * Server states, keyed by the code of the error with which the server refuses commands in that state. Each function
 * puts the server into the state and returns a function that ends it.
 */
const STATES = {
  async OOM() {
    await redis.admin().config('SET', 'maxmemory', '1');
    return () => redis.admin().config('SET', 'maxmemory', '0');
  },
  async NOREPLICAS() {
    await redis.admin().config('SET', 'min-replicas-to-write', '1');
    return () => redis.admin().config('SET', 'min-replicas-to-write', '0');
  },
  /** The server cannot write its snapshot, because a folder has the name of the snapshot file. */
  async MISCONF() {
    const [, dir] = (await redis.admin().config('GET', 'dir')) as [string, string];
    mkdirSync(join(dir, 'dump.rdb'), { recursive: true });
    await redis.admin().config('SET', 'save', '3600 1');
    // BGSAVE fails if the server has already begun a snapshot.
    await redis
      .admin()
      .bgsave()
      .catch(() => {});
    await waitUntil('the snapshot fails', async () =>
      /rdb_last_bgsave_status:err/.test(await redis.admin().info('persistence')),
    );
    return () => redis.admin().config('SET', 'save', '');
  },
  /** A script runs endlessly. */
  async BUSY() {
    const other = new Redis({ ...redis.address, protocol: 2 });
    const running = other.call('EVAL', 'while true do end', '0').catch(() => {});
    await waitUntil('the server replies BUSY', () =>
      redis
        .admin()
        .ping()
        .then(
          () => false,
          (error: Error) => error.message.startsWith('BUSY'),
        ),
    );
    return async () => {
      await redis.admin().call('SCRIPT', 'KILL');
      await running;
      other.disconnect();
    };
  },
} as const;

const loadManyOf = (value: string) => (keys: readonly string[]) => new Map(keys.map((key) => [key, value]));
const fail = (): never => {
  throw new Error('no luck');
};
const STALE = { ttlSeconds: 0.05, staleWhileRevalidateSeconds: 600 };
const GRACED = { ttlSeconds: 0.05, graceSeconds: 600 };

const CASES = (Object.keys(STATES) as (keyof typeof STATES)[]).flatMap((code) =>
  (Object.keys(SCRIPTING) as (keyof typeof SCRIPTING)[]).map((mode) => ({ code, mode })),
);

describe.each(CASES)('a Redis that replies $code, by $mode', ({ code, mode }) => {
  // Entries can be read in every state except BUSY.
  const isRead = code !== 'BUSY';
  const load = () => 'loaded';
  let cache: Cache;
  let refused: Refused[];
  let restore: () => Promise<unknown>;

  beforeAll(async () => {
    ({ cache, refused } = await open({ scripting: SCRIPTING[mode] }));
    await cache.getOrCompute('stale', () => 'old', STALE);
    await cache.getOrCompute('stale:tagged', () => 'old', { ...STALE, tags: ['t'] });
    await cache.getOrCompute('graced', () => 'old', GRACED);
    await cache.getOrCompute('there', () => 'there');
    await waitUntil('all values are stored', () => cache.stats().writes === 4);
    await waitUntil(
      'the entries are stale',
      async () => (await cache.getMany(['stale', 'graced'])).size === 0,
    );
    restore = await STATES[code]();
  });
  afterAll(async () => {
    await restore();
    await reset();
  });

  it('returns loaded values for absent keys, one or many, with and without tags', async () => {
    const tagged = { tags: ['t', 'u'] };
    expect(await cache.getOrCompute('absent', load)).toBe('loaded');
    expect(await cache.getOrCompute('absent:tagged', load, tagged)).toBe('loaded');
    const many = await cache.getOrComputeMany(['a', 'b'], loadManyOf('loaded'));
    expect(many).toEqual(loadManyOf('loaded')(['a', 'b']));
    expect((await cache.getOrComputeMany(['c', 'd'], loadManyOf('loaded'), tagged)).size).toBe(2);
  });

  it('returns stored values if Redis still serves reads, and loaded ones otherwise', async () => {
    const stale = isRead ? 'old' : 'loaded';
    expect(await cache.getOrCompute('stale', load, STALE)).toBe(stale);
    expect(await cache.getOrCompute('stale:tagged', load, { ...STALE, tags: ['t'] })).toBe(stale);
    expect(await cache.getOrCompute('there', load)).toBe(isRead ? 'there' : 'loaded');
  });

  it('returns a value within its grace period if the loader fails and Redis still serves reads', async () => {
    const result = cache.getOrCompute('graced', fail, GRACED);
    if (isRead) expect(await result).toBe('old');
    else await expect(result).rejects.toThrowError('no luck');
  });

  it('throws the error from the loader if there is no value', async () => {
    await expect(cache.getOrCompute('failing', fail)).rejects.toThrowError('no luck');
  });

  it('counts every refusal, and reports one event per second and kind', async () => {
    expect(await cache.getOrCompute('expired', load, { ttlSeconds: 1 })).toBe('loaded');
    await waitUntil('refusals are counted', () => cache.stats().refusals >= (isRead ? 6 : 3));
    expect(new Set(refused.map((event) => event.code))).toEqual(new Set([code]));
    expect(refused.length).toBeLessThanOrEqual(8);
    expect(cache.metrics()).toMatch(/^cache_redis_refusals_total\{[^}]*\} [1-9]/m);
  });

  it('stores values again once it accepts writes, and has no lease left', async () => {
    await restore();
    restore = async () => {};
    const { cache: next } = await open();
    expect(await next.getOrCompute('after', () => 'v')).toBe('v');
    await waitUntil('the value is stored', async () => (await next.get('after')) === 'v');
    await waitUntil('no lease is left', async () => (await listLeasedKeys(redis, 'r')).length === 0);
  });
});

describe('a restricted user', () => {
  afterEach(reset);

  it.each([
    ['without permission for the keys', ['~other:*', '&*', '+@all'], 'lease'],
    ['without permission to write', ['~*', '&*', '+@all', '-@write', '-@scripting'], 'lease'],
    ['without permission for the versions of tags', ['~r:k*', '&*', '+@all'], 'tags'],
  ] as const)('%s gets the value from the loader', async (_, rules, step) => {
    await redis.admin().call('ACL', 'SETUSER', 'denied', 'reset', 'on', '>denied', ...rules);
    const { cache, refused } = await open({ username: 'denied', password: 'denied' });
    expect(await cache.getOrCompute('k', () => 'v', { tags: ['t'] })).toBe('v');
    expect(await cache.getOrComputeMany(['k1', 'k2'], loadManyOf('v'), { tags: ['t'] })).toEqual(
      loadManyOf('v')(['k1', 'k2']),
    );
    await waitUntil('the refusal is reported', () => refused.some((event) => event.step === step));
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['NOPERM']));
  });

  it('gets one event per kind and second, with the number of refusals', async () => {
    await redis.admin().call('ACL', 'SETUSER', 'denied', 'reset', 'on', '>denied', '~other:*', '+@all');
    const { cache, refused } = await open({ username: 'denied', password: 'denied' });
    await waitUntil('the second event of a kind', async () => {
      await cache.getOrCompute('k', () => 'v');
      return refused.some(({ count }) => count > 1);
    });
    const reported = refused.reduce((sum, { count }) => sum + count, 0);
    expect(reported).toBeLessThanOrEqual(cache.stats().refusals);
    expect(cache.stats().errors).toBeGreaterThanOrEqual(cache.stats().refusals);
  });
});

describe('a demoted server', () => {
  afterEach(reset);

  it('does not prevent getOrCompute from returning loaded values', async () => {
    await using lone = await RedisProcess.start();
    const cache = redisCache({ address: lone.address, namespace: 'r', commandTimeoutMs: 300 });
    opened.push(cache);
    await cache.ping();
    await lone.admin().replicaof('127.0.0.1', '1');
    expect(await cache.getOrCompute('k', () => 'v', { tags: ['t'] })).toBe('v');
    expect(await cache.getOrComputeMany(['a'], loadManyOf('v'), { tags: ['t'] })).toEqual(
      loadManyOf('v')(['a']),
    );
  });
});
