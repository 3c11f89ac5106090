/** getOrCompute on a complete cache: stored entries, number of commands, and behaviour when Redis refuses commands. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeEnvelope } from '../../../client/envelope.ts';
import {
  type Cache,
  type CacheEvent,
  LoadTimeoutError,
  memoryCache,
  type RedisCacheOptions,
  redisCache,
} from '../../../client/index.ts';
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
  const compute = { replyTimeoutMs: 5000, ...options.compute };
  const made = redisCache({ address: redis.address, namespace: 'c', ...PATIENT_LIMITS, ...options, compute });
  opened.push(made);
  await made.ping();
  return made;
}
const waitUntilStored = (key = 'k'): Promise<void> =>
  waitUntil(`${key} is stored`, async () => (await classifyStoredValue(redis, `c:${key}`)) === 'entry');
const noLease = (): Promise<void> =>
  waitUntil('no lease is left', async () => (await listLeasedKeys(redis, 'c')).length === 0);
const decoded = async (key = 'k') => decodeEnvelope((await redis.admin().getBuffer(`c:${key}`)) as Buffer);
const fail = (): never => {
  throw new Error('no luck');
};
const calls = async (on: Cache, key: string, load: () => unknown, options = {}) => {
  const before = on.stats().writes;
  return recordCommands(redis.admin(), async () => {
    const { source } = await on.getOrComputeEntry(key, load, options);
    if (source === 'loader') await waitUntil('the value is stored', () => on.stats().writes > before);
  });
};

describe('getOrCompute', () => {
  it('costs two commands for a cold miss, and one for a hit (a GET if most reads are hits)', async () => {
    expect(await calls(cache, 'k', () => 'v')).toEqual(['FCALL', 'FCALL']);
    expect(await calls(cache, 'k', fail)).toEqual(['FCALL']);
    for (let i = 0; i < 20; i++) await cache.getOrCompute('k', fail);
    expect(await calls(cache, 'k', fail)).toEqual(['GET']);
    expect(await calls(cache, 'other', () => 'v')).toEqual(['GET', 'FCALL', 'FCALL']);
  });

  it('stores null, false, 0 and the empty string, and negative results if configured to', async () => {
    for (const value of [null, false, 0, '']) {
      expect(await cache.getOrCompute(`v:${value}`, () => value)).toBe(value);
      await waitUntilStored(`v:${value}`);
      expect(await cache.getOrCompute(`v:${value}`, fail)).toBe(value);
      expect(await cache.get(`v:${value}`)).toBe(value);
    }
    const options = { negativeTtlSeconds: 30 };
    expect(await cache.getOrCompute('n', () => undefined, options)).toBeUndefined();
    await waitUntilStored('n');
    expect(await cache.getOrCompute('n', fail)).toBeUndefined();
    expect(await cache.lookup('n')).toEqual({ found: false, source: 'redis' });
    expect(await redis.admin().ttl('c:n')).toBeLessThanOrEqual(30);
    expect(await cache.getOrCompute('u', () => undefined)).toBeUndefined();
    await noLease();
    expect(await redis.admin().exists('c:u')).toBe(0);
  });

  it('keeps a value beyond its TTL for its stale windows, during which get does not return it', async () => {
    const options = { ttlSeconds: 0.2, graceSeconds: 60 };
    await cache.getOrCompute('k', () => 'old', options);
    await waitUntilStored();
    expect(await redis.admin().pttl('c:k')).toBeGreaterThan(50_000);
    expect((await decoded()).ok && (await decoded())).toMatchObject({
      freshness: { loadMs: expect.any(Number) },
    });
    await waitUntil('the entry is stale', async () => (await cache.get('k')) === undefined);
    const events: CacheEvent[] = [];
    cache.on((event) => events.push(event));
    expect(await cache.getOrComputeEntry('k', fail, options)).toEqual({
      value: 'old',
      source: 'redis',
      stale: true,
    });
    expect(events).toContainEqual({ type: 'stale', key: 'c:k', reason: 'failed' });
    expect(cache.stats().stale).toBeGreaterThan(0);
    expect(cache.metrics()).toMatch(/^cache_redis_stale_total\{[^}]*\} [1-9]/m);
    expect(await cache.getOrCompute('k', fail, options)).toBe('old');
    expect(events).toContainEqual({ type: 'stale', key: 'c:k', reason: 'resting' });
    await noLease();
  });

  it('releases the lease of a value that could not be stored, so others load without waiting', async () => {
    await using own = await RedisProcess.start();
    const options = { address: own.address, compute: { leaseMs: 600_000 } };
    const holder = await open({ ...options, hangSuspectedMs: 500 });
    const other = await open(options);
    const value = await holder.getOrCompute('k', async () => {
      own.pause();
      // The client suspects a hang, and sends no more commands.
      expect(await holder.get('another')).toBeUndefined();
      return 'not stored';
    });
    expect(value).toBe('not stored');
    await waitUntil('the read and the store have failed', () => holder.stats().errors >= 2);
    own.resume();
    expect(await other.getOrCompute('k', () => 'loaded by the other')).toBe('loaded by the other');
  });

  it('refreshes a stale value once in the background, even if it was read before', async () => {
    const options = { ttlSeconds: 0.1, staleWhileRevalidateSeconds: 60 };
    for (let round = 0; round < 2; round++) {
      // In the second round, most reads before the test are hits.
      if (round === 1) for (let i = 0; i < 20; i++) await cache.getOrCompute('hot', () => 'v');
      const key = `k${round}`;
      await cache.getOrCompute(key, () => 'old', options);
      await waitUntilStored(key);
      await waitUntil('the entry is stale', async () => (await cache.get(key)) === undefined);
      const load = vi.fn(() => 'new');
      const all = await Promise.all(
        Array.from({ length: 20 }, () => cache.getOrCompute(key, load, { ...options, ttlSeconds: 60 })),
      );
      expect(new Set(all)).toEqual(new Set(['old']));
      await waitUntil('the entry is fresh', async () => (await cache.get(key)) === 'new');
      expect(load).toHaveBeenCalledTimes(1);
    }
    await noLease();
  });

  it('aborts a slow load through its signal', async () => {
    let signal: AbortSignal | undefined;
    const load = (context: { signal: AbortSignal }): Promise<never> => {
      signal = context.signal;
      return new Promise(() => {});
    };
    await expect(cache.getOrCompute('k', load, { hardTimeoutMs: 30 })).rejects.toThrowError(LoadTimeoutError);
    expect(signal?.aborted).toBe(true);
    await noLease();
    expect(await cache.getOrCompute('k', () => 'next')).toBe('next');
  });

  it('applies the cache defaults', async () => {
    const tuned = await open({ compute: { negativeTtlSeconds: 5, ttlJitter: 0.5 } });
    await tuned.getOrCompute('n', () => undefined);
    await waitUntilStored('n');
    await tuned.getOrCompute('k', () => 'v', { ttlSeconds: 100 });
    await waitUntilStored();
    const ttlMs = await redis.admin().pttl('c:k');
    expect(ttlMs).toBeGreaterThan(49_000);
    expect(ttlMs).toBeLessThanOrEqual(100_000);
  });

  it('replaces an invalid entry', async () => {
    await redis.admin().set('c:k', 'poison');
    expect(await cache.getOrCompute('k', () => 'v')).toBe('v');
    await waitUntil('the entry is replaced', async () => (await cache.get('k')) === 'v');
    expect(await cache.getOrCompute('k', () => 'w', { schemaId: 'other@1' })).toBe('w');
    await waitUntil('the entry is replaced', async () => (await cache.get('k')) === 'w');
    expect(cache.stats().purged).toBe(2);
  });

  it('loads separately for each caller if leases are disabled, and still stores the value', async () => {
    const own = await open({ compute: { leaseMs: 0 } });
    expect(await calls(own, 'k', () => 'v')).toEqual(['GET', 'SET']);
    expect(await own.getOrCompute('k', fail)).toBe('v');
  });

  it('does not store a value that cannot be encoded, and releases its lease', async () => {
    const odd = 10n;
    expect(await cache.getOrCompute('k', () => odd)).toBe(odd);
    await noLease();
    expect(await redis.admin().exists('c:k')).toBe(0);
  });

  it('does not wait for the lease to expire when the user may not call functions', async () => {
    await redis.admin().call('ACL', 'SETUSER', 'plain', 'on', '>plain', '~*', '&*', '+@all', '-fcall');
    const compute = { leaseMs: 60_000 };
    const [holder, plain] = [
      await open({ compute }),
      await open({ compute, username: 'plain', password: 'plain' }),
    ];
    let end = (_: string): void => {};
    const held = holder.getOrCompute('k', () => new Promise<string>((resolve) => (end = resolve)));
    await waitUntil('the load has begun', () => holder.stats().loads === 1);
    await redis.admin().config('RESETSTAT');
    const waiting = plain.getOrCompute('k', fail);
    await waitUntil('the other cache waits', async () =>
      /cmdstat_set:/.test(await redis.admin().info('commandstats')),
    );
    end('loaded');
    expect([await held, await waiting]).toEqual(['loaded', 'loaded']);
  });

  it('rejects too many tags for one entry before it loads, and counts duplicate tags once', async () => {
    const tags = Array.from({ length: 64 }, (_, i) => `t${i}`);
    await expect(cache.getOrCompute('k', fail, { tags: [...tags, 'one more'] })).rejects.toThrowError(
      '65 tags on one entry',
    );
    expect(await cache.getOrCompute('k', () => 1, { tags: [...tags, ...tags] })).toBe(1);
    await waitUntilStored();
  });

  it('returns the result of a load that is in flight on close, and does not store it', async () => {
    const own = await open();
    let finish: (value: string) => void = () => {};
    const answer = own.getOrCompute('k', () => new Promise<string>((resolve) => (finish = resolve)));
    await waitUntil('the load has begun', () => own.stats().loads === 1);
    await own.close();
    finish('late');
    expect(await answer).toBe('late');
    expect(await classifyStoredValue(redis, 'c:k')).toBe('lease');
    await expect(own.getOrCompute('k', fail)).rejects.toThrowError('closed');
  });

  it('serves from the first tier without a command, and refreshes early', async () => {
    const tiered = await open({ l1: {} });
    await waitUntil('the first tier has the entry', async () => {
      return (await tiered.getOrComputeEntry('k', () => 'old', { ttlSeconds: 60 })).source === 'l1';
    });
    expect(await calls(tiered, 'k', fail)).toEqual([]);
    // XFetch with a beta that makes an early refresh certain, for a slow load.
    await tiered.getOrCompute('slow', () => new Promise((resolve) => setTimeout(resolve, 20, 'old')), {
      ttlSeconds: 0.5,
      earlyRefresh: 1,
    });
    await waitUntilStored('slow');
    const load = vi.fn(() => 'new');
    await waitUntil('the entry is refreshed', async () => {
      return (await tiered.getOrCompute('slow', load, { ttlSeconds: 60, earlyRefresh: 100 })) === 'new';
    });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('loads again after a tag of the entry is invalidated in this process or another', async () => {
    const other = await open();
    const options = { tags: ['t'] };
    for (const invalidating of [cache, other]) {
      const key = invalidating === cache ? 'here' : 'elsewhere';
      let finish: (value: string) => void = () => {};
      const before = vi.fn(() => new Promise<string>((resolve) => (finish = resolve)));
      const older = cache.getOrCompute(key, before, options);
      await waitUntil('the load has begun', () => before.mock.calls.length === 1);
      await invalidating.invalidateTags('t');
      const newer = invalidating.getOrCompute(key, () => 'new', options);
      // The other process waits for the load in flight, and then finds the loaded value outdated.
      await waitUntil('the newer call counts as a miss', () => invalidating.stats().misses > 0);
      finish('old');
      expect([await older, await newer]).toEqual(['old', 'new']);
      await waitUntil('the newer value is stored', async () => (await cache.get(key)) === 'new');
    }
    expect(await cache.getOrCompute('here', () => 'newest', options)).toBe('newest');
  });

  it('shares negative results and failures with waiters in another process', async () => {
    const other = await open();
    // The first wait opens the subscriber. A notification before that is lost, and the waiter reads the entry again.
    for (const [key, end, answers] of [
      ['value', () => 'theirs', ['theirs', 'theirs']],
      ['nothing', () => undefined, [undefined, undefined]],
      ['failure', fail, ['no luck', 'own']],
    ] as const) {
      let finish: () => void = () => {};
      const gate = new Promise<void>((resolve) => (finish = resolve));
      const theirs = other
        .getOrCompute<string | undefined>(key, () => gate.then(end))
        .catch((error: Error) => error.message);
      await waitUntil(
        'the other cache loads',
        async () => (await classifyStoredValue(redis, `c:${key}`)) === 'lease',
      );
      const load = vi.fn(() => 'own');
      const answer = cache.getOrCompute(key, load);
      await waitUntil(
        'there is a waiter',
        async () => (await classifyStoredValue(redis, `c:${key}`)) === 'awaited',
      );
      await waitUntil('the waiter is subscribed', async () => {
        return JSON.stringify(await redis.admin().pubsub('CHANNELS', 'c:~ready')) !== '[]';
      });
      finish();
      expect([await theirs, await answer]).toEqual(answers);
      expect(load).toHaveBeenCalledTimes(key === 'failure' ? 1 : 0);
    }
  });

  it('rejects an invalid option by name', async () => {
    await expect(cache.getOrCompute('k', fail, { graceSeconds: -1 })).rejects.toThrowError(
      /graceSeconds: must .*, got -1/,
    );
    expect(() => redisCache({ compute: { leaseMs: 5 } })).toThrowError(/compute\.leaseMs: must .*, got 5/);
  });

  it('serves stale values and stores negative results in memory as well', async () => {
    const memory = memoryCache();
    opened.push(memory);
    const options = { ttlSeconds: 0.05, graceSeconds: 60 };
    await memory.getOrCompute('k', () => 'old', options);
    await waitUntil('the entry is stale', async () => (await memory.get('k')) === undefined);
    expect(await memory.getOrComputeEntry('k', fail, options)).toEqual({
      value: 'old',
      source: 'memory',
      stale: true,
    });
    await memory.getOrCompute('n', () => undefined, { negativeTtlSeconds: 5 });
    expect(await memory.getOrCompute('n', fail)).toBeUndefined();
  });
});

describe('getOrCompute when Redis grants no lease', () => {
  it('returns loaded values and existing entries when the server is full or has no replicas', async () => {
    await cache.set('there', 'v');
    const admin = redis.admin();
    for (const [setting, bad, good] of [
      ['maxmemory', '1', '0'],
      ['min-replicas-to-write', '1', '0'],
    ] as const) {
      await admin.config('SET', setting, bad);
      try {
        const fresh = await open();
        expect(await fresh.getOrCompute('there', fail)).toBe('v');
        expect(await fresh.getOrCompute(`absent:${setting}`, () => 'loaded')).toBe('loaded');
      } finally {
        await admin.config('SET', setting, good);
      }
    }
    await noLease();
  });
});

describe('getOrCompute while Redis hangs', () => {
  it('returns before the client suspects the hang, for one key and many, and releases a late lease', async () => {
    const hung = await RedisProcess.start();
    await loadLibrary(hung);
    try {
      for (const leaseMs of [2000, 0]) {
        const own = redisCache({
          address: hung.address,
          namespace: 'c',
          hangSuspectedMs: 5000,
          compute: { leaseMs },
        });
        opened.push(own);
        await own.ping();
        hung.pause();
        const answers = await Promise.all([
          own.getOrCompute('a', () => 'own'),
          own.getOrComputeMany(['b', 'c'], (keys) => new Map(keys.map((key) => [key, 'own']))),
        ]);
        expect(answers).toEqual([
          'own',
          new Map([
            ['b', 'own'],
            ['c', 'own'],
          ]),
        ]);
        expect(own.connection?.state.kind).toBe('ready');
        hung.resume();
        await own.ping();
        await waitUntil('no lease is held', async () => (await listLeasedKeys(hung, 'c')).length === 0, 1500);
        await own.close();
      }
    } finally {
      hung.resume();
      await hung[Symbol.asyncDispose]();
    }
  });

  it('returns loaded values without a connection and without the memory fallback', async () => {
    const gone = await RedisProcess.start();
    const options = { address: gone.address, fallbackEntries: 0 };
    const caches = [redisCache(options), redisCache({ ...options, compute: { leaseMs: 0 } })];
    opened.push(...caches);
    await Promise.all(caches.map((each) => each.ping()));
    await gone[Symbol.asyncDispose]();
    expect(await Promise.all(caches.map((each) => each.getOrCompute('k', () => 'own')))).toEqual([
      'own',
      'own',
    ]);
  });
});
