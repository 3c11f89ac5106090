/** A loader sets the TTL and the tags of its own result, or prevents it from being stored. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readThrough } from '../../../client/extras/through/read-write.ts';
import {
  type Cache,
  ConfigurationError,
  type LoadContext,
  memoryCache,
  redisCache,
  SerializationError,
} from '../../../client/index.ts';
import { PATIENT_LOADS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

const KINDS: readonly (readonly [string, () => Cache])[] = [
  ['Redis', () => redisCache({ address: redis.address, namespace: 'context', ...PATIENT_LOADS })],
  ['memory', () => memoryCache({ namespace: 'context' })],
];

describe.each(KINDS)('a loader with %s', (_, open) => {
  let cache: Cache;
  beforeEach(async () => {
    cache = open();
    await cache.ping();
  });
  afterEach(async () => {
    await cache.clear();
    await cache.close();
  });

  const stored = (key: string): Promise<void> =>
    waitUntil(`${key} is stored`, async () => (await cache.exists(key)) === 1);
  /** Waits until a later load is stored: by then, an earlier store would have completed. */
  async function notStored(key: string): Promise<void> {
    await cache.getOrCompute('later', () => 1, { ttlSeconds: 60 });
    await stored('later');
    expect(await cache.get(key)).toBeUndefined();
  }

  it('sets a TTL for its result that overrides the TTL of the call', async () => {
    const lasting =
      (ttlSeconds: number | null) =>
      ({ setTtlSeconds }: LoadContext): number => {
        setTtlSeconds(ttlSeconds);
        return 1;
      };
    await cache.getOrCompute('k', lasting(100), { ttlSeconds: 5 });
    await stored('k');
    expect(await cache.ttl('k')).toBeGreaterThan(90);
    await cache.getOrCompute('for ever', lasting(null), { ttlSeconds: 5 });
    await stored('for ever');
    expect(await cache.ttl('for ever')).toBeNull();
  });

  it('prevents its result from being stored, with a TTL of 0 or with skip', async () => {
    let loads = 0;
    for (const refuse of [
      ({ skip }: LoadContext) => skip(),
      ({ setTtlSeconds }: LoadContext) => setTtlSeconds(0),
    ]) {
      const load = (context: LoadContext): number => {
        refuse(context);
        return ++loads;
      };
      const both = [cache.getOrCompute('k', load), cache.getOrCompute('k', load)];
      const [first, second] = await Promise.all(both);
      expect(second).toBe(first);
      await notStored('k');
    }
    expect(loads).toBe(2);
    expect(await cache.getOrCompute('none', ({ skip }) => skip() as never)).toBeUndefined();
  });

  it('sets the TTL of a negative result', async () => {
    let loads = 0;
    const load = ({ setTtlSeconds }: LoadContext): undefined => {
      loads += 1;
      setTtlSeconds(100);
    };
    await cache.getOrCompute('k', load, { negativeTtlSeconds: 5 });
    await waitUntil('the negative result is stored', async () => {
      const before = loads;
      await cache.getOrCompute('k', load, { negativeTtlSeconds: 5 });
      return loads === before;
    });
    // Without negativeTtlSeconds, undefined is not stored.
    await cache.getOrCompute('other', load);
    await notStored('other');
    expect(await cache.lookup('other')).toMatchObject({ found: false });
  });

  it('adds tags to the tags of the call', async () => {
    for (const tag of ['call', 'loader', 'second']) {
      const load = async ({ addTags }: LoadContext): Promise<number> => {
        await addTags('loader', 'second', 'call');
        return 1;
      };
      await cache.getOrCompute('k', load, { tags: ['call'] });
      await stored('k');
      await cache.invalidateTags(tag);
      expect(await cache.get('k')).toBeUndefined();
    }
  });

  it('adds tags without waiting for their versions', async () => {
    const load = ({ addTags }: LoadContext): number => {
      void addTags('t');
      return 1;
    };
    await cache.getOrCompute('k', load);
    await stored('k');
    await cache.invalidateTags('t');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('stores nothing if one of its tags is invalidated during the load, before or after the tag is added', async () => {
    const before = async ({ addTags }: LoadContext): Promise<string> => {
      await cache.invalidateTags('t');
      await addTags('t');
      return 'old';
    };
    expect(await cache.getOrCompute('k', before)).toBe('old');
    await notStored('k');
    const after = async ({ addTags }: LoadContext): Promise<string> => {
      await addTags('t');
      await cache.invalidateTags('t');
      return 'old';
    };
    expect(await cache.getOrCompute('k', after)).toBe('old');
    await notStored('k');
    const other = async ({ addTags }: LoadContext): Promise<string> => {
      await cache.invalidateTags('other');
      await addTags('t');
      return 'new';
    };
    await cache.getOrCompute('k', other);
    await stored('k');
  });

  it('throws for an invalid TTL or tag, and the call rejects with the same error', async () => {
    const call = (load: (context: LoadContext) => unknown) => cache.getOrCompute('k', load);
    await expect(call(({ setTtlSeconds }) => setTtlSeconds('5m' as never))).rejects.toThrowError(
      /^setTtlSeconds: must be .*, got "5m"; write 300/,
    );
    await expect(call(({ setTtlSeconds }) => setTtlSeconds(undefined as never))).rejects.toThrowError(
      ConfigurationError,
    );
    await expect(call(({ addTags }) => addTags(''))).rejects.toThrowError(ConfigurationError);
    const many = Array.from({ length: 65 }, (_, i) => `t${i}`);
    await expect(call(({ addTags }) => addTags(...many))).rejects.toThrowError(SerializationError);
    await expect(
      call(({ addTags }) => Promise.all([addTags(...many.slice(0, 40)), addTags(...many.slice(40))])),
    ).rejects.toThrowError('65 tags on one entry; at most 64');
  });

  it('has no effect after its load has ended', async () => {
    let kept: LoadContext | undefined;
    await cache.getOrCompute(
      'k',
      (context) => {
        kept = context;
        return 1;
      },
      { ttlSeconds: 50 },
    );
    kept?.skip();
    kept?.setTtlSeconds(0);
    await kept?.addTags('late');
    await stored('k');
    await cache.invalidateTags('late');
    expect(await cache.get('k')).toBe(1);
  });

  it('refreshes a stale value by the same rules', async () => {
    let loads = 0;
    const load = ({ setTtlSeconds }: LoadContext): number => {
      loads += 1;
      setTtlSeconds(loads === 1 ? 0.05 : 100);
      return loads;
    };
    const options = { ttlSeconds: 1, staleWhileRevalidateSeconds: 60 };
    await cache.getOrCompute('k', load, options);
    await waitUntil(
      'the entry is refreshed',
      async () => (await cache.getOrCompute('k', load, options)) === 2,
    );
    await waitUntil('the refreshed value is stored', async () => (await cache.ttl('k')) !== undefined);
    expect(await cache.ttl('k')).toBeGreaterThan(90);
    expect(loads).toBe(2);
  });

  it('sets options for all keys, or for one key, when it loads many keys', async () => {
    await cache.getOrComputeMany(['a', 'b', 'c'], async (keys, { setTtlSeconds, addTags, forKey }) => {
      setTtlSeconds(100);
      await addTags('all');
      forKey('b').setTtlSeconds(200);
      await forKey('b').addTags('b only');
      forKey('c').skip();
      expect(() => forKey('d')).toThrowError(ConfigurationError);
      return new Map(keys.map((key) => [key, key]));
    });
    for (const key of ['a', 'b']) await stored(key);
    await notStored('c');
    expect(
      [(await cache.ttl('a')) as number, (await cache.ttl('b')) as number].map((ttl) => Math.ceil(ttl)),
    ).toEqual([100, 200]);
    await cache.invalidateTags('b only');
    expect([...(await cache.getMany(['a', 'b'])).keys()]).toEqual(['a']);
    await cache.invalidateTags('all');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('has the same options in a read-through source', async () => {
    const load = (_key: string, context?: LoadContext): number => {
      context?.setTtlSeconds(100);
      return 1;
    };
    await readThrough(cache, { load }, { ttlSeconds: 5 }).get('k');
    await stored('k');
    expect(await cache.ttl('k')).toBeGreaterThan(90);
  });
});

it('a result is not stored if another process invalidates one of its added tags during the load', async () => {
  const [cache, elsewhere] = ['here', 'elsewhere'].map(() =>
    redisCache({ address: redis.address, namespace: 'two' }),
  ) as [Cache, Cache];
  await cache.getOrCompute('k', async ({ addTags }) => {
    await addTags('t');
    await elsewhere.invalidateTags('t');
    return 'old';
  });
  await cache.getOrCompute('later', () => 1);
  await waitUntil('a later load is stored', async () => (await cache.exists('later')) === 1);
  expect(await cache.get('k')).toBeUndefined();
  await cache.close();
  await elsewhere.close();
});

it('while Redis is unreachable, a loader adds tags to the entries in memory', async () => {
  const gone = await RedisProcess.start();
  const cache = redisCache({ address: gone.address, namespace: 'gone', commandTimeoutMs: 300 });
  await cache.ping();
  await gone.kill();
  await cache.getOrCompute('k', async ({ addTags }) => {
    await addTags('t');
    return 1;
  });
  await waitUntil(
    'the memory fallback has the value',
    async () => (await cache.getEntry('k'))?.source === 'memory',
  );
  await cache.invalidateTags('t');
  expect(await cache.get('k')).toBeUndefined();
  await cache.close();
  await gone[Symbol.asyncDispose]();
});

it('no unhandled rejection occurs if a load fails while its tags are read and the cache closes', async () => {
  const cache = redisCache({ address: redis.address, namespace: 'context', ...PATIENT_LOADS });
  await cache.ping();
  try {
    const failing = cache.getOrCompute('k', ({ addTags }) => {
      redis.pause();
      void addTags('a', 'b');
      throw new Error('the load failed');
    });
    await expect(failing).rejects.toThrowError('the load failed');
    await cache.close();
  } finally {
    redis.resume();
  }
});
