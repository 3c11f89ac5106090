import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Cache,
  type CacheOptions,
  ConfigurationError,
  memoryCache,
  redisCache,
  tieredCache,
} from '../../../../client/index.ts';
import { monitorCommands } from '../../../support/monitor.ts';
import { RedisProcess, waitUntil } from '../../../support/redis-process.ts';

let redis: RedisProcess;
const open: Cache[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start({ host: '127.61.24.1' });
});
beforeEach(() => redis.admin().flushall());
afterEach(async () => {
  redis.resume();
  for (const cache of open.splice(0)) await cache.close();
});
afterAll(() => redis[Symbol.asyncDispose]());

const domains = { catalogue: ['product:*'] };
// These tests count loads: a slow reply on a busy machine must not cause another load.
const compute = { replyTimeoutMs: 5_000 };
const kinds = {
  'a cache over Redis': (options: CacheOptions = {}) =>
    redisCache({
      address: redis.address,
      namespace: 't',
      domains,
      commandTimeoutMs: 2_000,
      compute,
      ...options,
    }),
  'a tiered cache': (options: CacheOptions = {}) =>
    tieredCache({
      address: redis.address,
      namespace: 't',
      domains,
      commandTimeoutMs: 2_000,
      compute,
      ...options,
    }),
  'a memory cache': (options: CacheOptions = {}) => memoryCache({ domains, ...options }),
};
function closeAfterTest<T extends Cache>(cache: T): T {
  open.push(cache);
  return cache;
}

/** Number of commands that Redis has executed. */
async function calls(names: readonly string[]): Promise<number> {
  const stats = await redis.admin().info('commandstats');
  return names.reduce(
    (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  );
}
const TAGGED = ['get', 'mget', 'set', 'unlink', 'fcall'];

describe.each(Object.entries(kinds))('%s', (_, make) => {
  let cache: Cache;
  beforeEach(() => {
    cache = closeAfterTest(make());
  });

  it('removes only the entries with an invalidated tag', async () => {
    await cache.set('a', 1, { tags: ['x', 'y'] });
    await cache.set('b', 2, { tags: ['y'] });
    await cache.set('c', 3);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(new Map(Object.entries({ a: 1, b: 2, c: 3 })));
    expect(await cache.invalidateTags('x')).toEqual({ outcome: 'applied', deleted: 0 });
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(new Map(Object.entries({ b: 2, c: 3 })));
    await cache.set('a', 4, { tags: ['x'] });
    expect(await cache.get('a')).toBe(4);
  });

  it('does not keep a value that was loaded while its tag was invalidated', async () => {
    let loads = 0;
    const load = async () => {
      loads += 1;
      if (loads === 1) await cache.invalidateTags('x');
      return loads;
    };
    expect(await cache.getOrCompute('k', load, { tags: ['x'] })).toBe(1);
    let kept: number | undefined;
    await waitUntil('the entry of a later load', async () => {
      expect(await cache.get('k')).not.toBe(1);
      await cache.getOrCompute('k', load, { tags: ['x'] });
      kept = await cache.get('k');
      return kept !== undefined;
    });
    expect(kept).toBeGreaterThan(1);
    expect(loads).toBeLessThanOrEqual(3);
  });

  it('replaces an outdated entry each time without waiting for a lease', async () => {
    const patient = closeAfterTest(make({ compute: { ...compute, leaseMs: 30_000 } }));
    let loads = 0;
    const load = (): number => ++loads;
    for (let round = 1; round <= 5; round++) {
      const startedAt = performance.now();
      expect(await patient.getOrCompute('k', load, { tags: ['x'] })).toBe(round);
      await waitUntil('the entry of this round', async () => (await patient.get('k')) === round);
      expect(await patient.getOrComputeMany(['k'], () => new Map([['k', -1]]), { tags: ['x'] })).toEqual(
        new Map([['k', round]]),
      );
      // A lease that is not released would delay the next load.
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      await patient.invalidateTags('x');
    }
    expect(await patient.getOrComputeMany(['k'], () => new Map([['k', -1]]), { tags: ['x'] })).toEqual(
      new Map([['k', -1]]),
    );
    await waitUntil('the entry of this round', async () => (await patient.get('k')) === -1);
  });

  it('removes the entries of a domain by giving the domain a new version', async () => {
    await cache.set('product:1', 1);
    await cache.set('elsewhere', 2);
    await cache.invalidation.domain('catalogue');
    expect([await cache.get('product:1'), await cache.get('elsewhere')]).toEqual([undefined, 2]);
  });

  it('removes the dependents of a key that is written or deleted', async () => {
    cache.invalidation.depend('page', ['profile']);
    cache.invalidation.depend('profile', ['user']);
    for (const change of [() => cache.delete('user'), () => cache.set('user', 2)]) {
      await cache.set('user', 1);
      await cache.set('profile', 'made of user');
      await cache.set('page', 'made of profile');
      expect([await cache.get('profile'), await cache.get('page')]).toEqual([
        'made of user',
        'made of profile',
      ]);
      await change();
      expect([await cache.get('profile'), await cache.get('page')]).toEqual([undefined, undefined]);
    }
  });

  it('deletes by pattern and by event', async () => {
    cache.invalidation.on<string>('left', (id) => ({ patterns: [`user:${id}:*`], keys: ['users'] }));
    for (const key of ['user:7:name', 'user:7:age', 'user:8:name', 'users']) await cache.set(key, 1);
    expect(await cache.invalidation.emit('left', '7')).toEqual({ outcome: 'applied', deleted: 3 });
    expect(await cache.getMany(['user:7:name', 'user:7:age', 'user:8:name', 'users'])).toEqual(
      new Map([['user:8:name', 1]]),
    );
  });

  it('rejects reserved tags, and rejects invalidations after close', async () => {
    await expect(cache.set('k', 1, { tags: ['~x'] })).rejects.toThrowError(ConfigurationError);
    await cache.close();
    await expect(cache.invalidateTags('x')).rejects.toThrowError(/closed/);
  });
});

describe('tags over Redis', () => {
  it('cost at most 1.05 commands per valid read, 1.1 after another invalidation, and one command to invalidate', async () => {
    const cache = closeAfterTest(kinds['a cache over Redis']());
    for (let i = 0; i < 1000; i++) await cache.set(`k${i}`, i, { tags: ['many', `few${i % 10}`] });
    const valid = async (): Promise<number> => {
      const before = await calls(TAGGED);
      let hits = 0;
      for (let i = 0; i < 1000; i++) if ((await cache.get(`k${i}`)) !== undefined) hits += 1;
      return ((await calls(TAGGED)) - before) / hits;
    };
    await valid();
    expect(await valid()).toBeLessThanOrEqual(1.05);
    await cache.invalidateTags('few3');
    for (let i = 3; i < 1000; i += 10) await cache.set(`k${i}`, i, { tags: ['many', 'few3'] });
    expect(await valid()).toBeLessThanOrEqual(1.1);
    const before = await calls(TAGGED);
    await cache.invalidateTags('many');
    expect((await calls(TAGGED)) - before).toBe(1);
    expect((await cache.getMany(Array.from({ length: 100 }, (_, i) => `k${i}`))).size).toBe(0);
  });

  it('open a listener only on first use', async () => {
    const cache = closeAfterTest(kinds['a cache over Redis']());
    const listeners = async (): Promise<number> =>
      String(await redis.admin().call('CLIENT', 'LIST', 'TYPE', 'PUBSUB')).match(/redir=\d/g)?.length ?? 0;
    await cache.set('k', 1);
    await cache.get('k');
    expect(await listeners()).toBe(0);
    await cache.set('k', 1, { tags: ['x'] });
    await waitUntil('there is a listener', async () => (await listeners()) === 1);
    await cache.close();
    await waitUntil('no listener is left', async () => (await listeners()) === 0);
  });

  it('are invalidated in the first tier of another process', async () => {
    const [here, there] = [
      closeAfterTest(kinds['a tiered cache']()),
      closeAfterTest(kinds['a tiered cache']()),
    ];
    await here.set('k', 1, { tags: ['x'] });
    await waitUntil(
      'the entry in the first tier of the other cache',
      async () => (await there.getEntry('k'))?.source === ('l1' as string),
    );
    await here.invalidateTags('x');
    await waitUntil('the entry is gone in the other cache', async () => (await there.get('k')) === undefined);
  });

  it.each([
    ['only tag versions, without a first tier', undefined, ['t:~tag:']],
    ['the entire namespace, with a first tier', {}, ['t:']],
    [
      'the prefixes of the first tier, if it has prefixes',
      { prefixes: ['a:', 'b:', 'a:'] },
      ['t:~tag:', 't:a:', 't:b:'],
    ],
  ])('listen to %s', async (_, l1, prefixes) => {
    const asked: string[][] = [];
    const stop = await monitorCommands(redis.address, ({ args }) => {
      if (args[1]?.toUpperCase() === 'TRACKING') asked.push(args.slice(args.indexOf('BCAST') + 1));
    });
    const cache = closeAfterTest(kinds['a cache over Redis'](l1 ? { l1 } : {}));
    await cache.set('k', 1, { tags: ['x'] });
    await waitUntil('the cache opens a listener', () => asked.length > 0);
    expect(asked[0]).toEqual(prefixes.flatMap((prefix) => ['PREFIX', prefix]));
    stop();
  });

  it('store nothing in a first tier without a listener', async () => {
    const cache = closeAfterTest(kinds['a tiered cache']({ l1: { prefixes: ['a:'] } }));
    for (const key of ['a:1', 'b:1']) await cache.set(key, 1);
    await waitUntil(
      'an entry in the first tier',
      async () => (await cache.getEntry('a:1'))?.source === ('l1' as string),
    );
    expect((await cache.getEntry('b:1'))?.source).toBe('redis');
    expect((await cache.getEntry('b:1'))?.source).toBe('redis');
    for (const prefixes of [[''], ['~tag:'], ['a', 'ab']])
      expect(() => kinds['a tiered cache']({ l1: { prefixes } })).toThrowError(/l1\.prefixes/);
  });

  it('work in memory while Redis is unreachable, and are invalidated in Redis when it is reachable again', async () => {
    const cache = closeAfterTest(kinds['a cache over Redis']());
    await cache.set('old', 1, { tags: ['x'] });
    redis.pause();
    await cache.set('new', 2, { tags: ['y'] });
    expect(await cache.getEntry('new')).toEqual({ value: 2, source: 'memory' });
    expect((await cache.invalidateTags('x', 'y')).outcome).toBe('pending');
    expect((await cache.invalidation.invalidate({ keys: ['old'] })).outcome).toBe('pending');
    expect([await cache.get('old'), await cache.get('new')]).toEqual([undefined, undefined]);
    redis.resume();
    await waitUntil('Redis replies', async () => (await cache.set('probe', 1)).source === 'redis');
    await waitUntil('the invalidation is replayed', async () => {
      expect(await cache.get('old')).toBeUndefined();
      return (await cache.set('probe', 1)).source === 'redis';
    });
    expect(await cache.get('old')).toBeUndefined();
  });

  it('are not written with versions known only to this process, which no other process could invalidate', async () => {
    const own = await RedisProcess.start({ host: '127.61.24.1' });
    const here = closeAfterTest(redisCache({ address: own.address, namespace: 't', compute }));
    const there = closeAfterTest(redisCache({ address: own.address, namespace: 't', compute }));
    await Promise.all([here.ping(), there.ping()]);
    await own.kill();
    await waitUntil(
      'the cache detects the loss of Redis',
      () => here.connection?.state.kind === 'connecting',
    );
    // The version of the tag cannot be read; the write itself waits for Redis.
    const written = here.set('k', 'old', { tags: ['x'] });
    await own.start();
    expect((await written).source).toBe('redis');
    await there.invalidateTags('x');
    expect(await here.get('k')).toBeUndefined();
    expect(await here.getOrCompute('k', () => 'new', { tags: ['x'] })).toBe('new');
    await own[Symbol.asyncDispose]();
  });
});
