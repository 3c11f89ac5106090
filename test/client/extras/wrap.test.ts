import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { wrap } from '../../../client/extras/wrap.ts';
import { type Cache, ConfigurationError, memoryCache, redisCache } from '../../../client/index.ts';
import type { StandardSchema } from '../../../client/types.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
const open: Cache[] = [];
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());
afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
});
const closeAfterTest = (cache: Cache): Cache => {
  open.push(cache);
  return cache;
};

describe('a wrapped function', () => {
  it('is called once for equal arguments, with properties in any order, and stores results in Redis', async () => {
    const cache = closeAfterTest(redisCache({ address: redis.address, namespace: 'wrap' }));
    await cache.ping();
    let calls = 0;
    const search = wrap(
      async (filter: { lang: string; limit?: number | undefined }, page: number) => {
        calls += 1;
        return [`${filter.lang} ${page}`];
      },
      { cache, domain: 'search', ttlSeconds: 60 },
    );
    expect(await search({ lang: 'en', limit: undefined }, 1)).toEqual(['en 1']);
    await waitUntil(
      'the result is stored',
      async () => (await redis.admin().exists(`wrap:${search.keyOf({ lang: 'en' }, 1)}`)) === 1,
    );
    expect(await search({ lang: 'en' }, 1)).toEqual(['en 1']);
    expect(await search({ lang: 'en' }, 2)).toEqual(['en 2']);
    expect(calls).toBe(2);
    expect(search.keyOf({ lang: 'en' }, 1)).toMatch(/^v1:search:[0-9a-f]{16}$/);
  });

  it('receives the `this` of its caller, which is part of the key only if `parts` includes it', async () => {
    const cache = closeAfterTest(memoryCache());
    class Shop {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
      price = wrap(
        function (this: Shop, id: number) {
          return `${this.name} ${id}`;
        },
        {
          cache,
          domain: 'price',
          parts: function (this: Shop, id) {
            return [this.name, id];
          },
        },
      );
    }
    expect([await new Shop('a').price(1), await new Shop('b').price(1)]).toEqual(['a 1', 'b 1']);
  });

  it('is called again after an error, which every waiting caller receives', async () => {
    const cache = closeAfterTest(memoryCache());
    let calls = 0;
    const flaky = wrap(
      (n: number) => {
        calls += 1;
        if (calls === 1) throw new RangeError('first');
        return n * 2;
      },
      { cache, domain: 'flaky' },
    );
    const both = await Promise.allSettled([flaky(2), flaky(2)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([await flaky(2), calls]).toEqual([4, 2]);
  });

  it('is called again if its result was invalidated, or if its version or shape differs', async () => {
    const cache = closeAfterTest(memoryCache());
    let calls = 0;
    const count = (): { n: number } => ({ n: ++calls });
    const schema = z.object({ n: z.number() }) as unknown as StandardSchema<{ n: number }>;
    const [first, second, shaped] = [
      wrap(count, { cache, domain: 'd' }),
      wrap(count, { cache, domain: 'd', version: 2 }),
      wrap(count, { cache, domain: 'd', schema }),
    ];
    expect(
      [await first(), await first(), await second(), await shaped(), await shaped()].map(({ n }) => n),
    ).toEqual([1, 1, 2, 3, 3]);
    await waitUntil('the first result is stored', async () => (await cache.get(first.keyOf())) !== undefined);
    expect([await first.forget(), await first.forget()]).toEqual([true, false]);
    expect(await first()).toEqual({ n: 4 });
  });

  it('accepts plain arguments from another realm', async () => {
    const cache = closeAfterTest(memoryCache());
    let calls = 0;
    const counted = wrap(async (_: unknown) => ++calls, { cache, domain: 'realm' });
    await counted({ a: [1] });
    await counted(runInNewContext('({ a: [1] })'));
    expect(calls).toBe(1);
  });

  it('rejects arguments from which no key can be built, instead of sharing a key', async () => {
    const cached = wrap((_: unknown) => 1, { cache: closeAfterTest(memoryCache()), domain: 'd' });
    await expect(cached(new Map())).rejects.toThrowError(ConfigurationError);
  });
});
