/** The contract of every cache, regardless of where it stores entries. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, ConfigurationError, SerializationError } from '../../client/index.ts';
import type { StandardSchema } from '../../client/types.ts';
import { waitUntil } from '../support/redis-process.ts';

const numbers: StandardSchema<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'not a number' }] }),
  },
};

const throwing: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => {
      throw new Error('validator broke');
    },
  },
};

/**
 * @param kept where written values are stored. `tiered`: in Redis; values are read from any tier that has the entry,
 * and are frozen.
 * @param shortTtlSeconds a TTL that is short, but long enough for the entry to be read once
 */
export function cacheContract(
  name: string,
  kept: 'redis' | 'memory' | 'tiered',
  open: () => Promise<Cache>,
  { shortTtlSeconds = 0.03 }: { readonly shortTtlSeconds?: number } = {},
): void {
  const source = kept === 'memory' ? 'memory' : 'redis';
  const readFrom: readonly string[] = kept === 'tiered' ? ['redis', 'l1'] : [source];
  describe(name, () => {
    let cache: Cache;
    beforeAll(async () => {
      cache = await open();
    });
    beforeEach(async () => {
      await cache.clear();
    });
    afterAll(() => cache.close());

    it('returns a value that was set, with its source', async () => {
      expect(await cache.set('k', { a: [1, 'ü'] })).toEqual({ source });
      const entry = await cache.getEntry('k');
      expect(entry?.value).toEqual({ a: [1, 'ü'] });
      expect(readFrom).toContain(entry?.source);
      expect(await cache.get('absent')).toBeUndefined();
    });

    it('stores null, false, 0, the empty string and bytes, and rejects undefined', async () => {
      for (const value of [null, false, 0, '']) {
        await cache.set('k', value);
        expect(await cache.get('k')).toBe(value);
      }
      await cache.set('k', new Uint8Array([0, 255, 13, 10]));
      expect(Buffer.compare((await cache.get<Buffer>('k')) as Buffer, Buffer.from([0, 255, 13, 10]))).toBe(0);
      await expect(cache.set('k', undefined)).rejects.toThrowError(SerializationError);
    });

    it('is unaffected by a caller that mutates a stored or returned value', async () => {
      const value = { list: [1] };
      await cache.set('k', value);
      value.list.push(2);
      const read = (await cache.get<typeof value>('k')) as typeof value;
      if (kept !== 'tiered') read.list.push(3);
      else await waitUntil('the first tier serves', async () => (await cache.getEntry('k'))?.source === 'l1');
      if (kept === 'tiered') {
        const held = (await cache.get<typeof value>('k')) as typeof value;
        expect(() => held.list.push(3)).toThrowError(TypeError);
      }
      expect(await cache.get('k')).toEqual({ list: [1] });
    });

    it('expires an entry after its TTL, stores nothing with a TTL of 0, and rejects negative TTLs', async () => {
      await cache.set('k', 1, { ttlSeconds: 60 });
      expect(await cache.get('k')).toBe(1);
      await cache.set('k', 1, { ttlSeconds: shortTtlSeconds });
      await waitUntil('the entry expires', async () => (await cache.get('k')) === undefined);
      expect(await cache.set('k', 1, { ttlSeconds: 0 })).toEqual({ source: 'none' });
      expect(await cache.get('k')).toBeUndefined();
      expect(await cache.set('k', 1, { ttlSeconds: null })).toEqual({ source });
      for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY])
        await expect(cache.set('k', 1, { ttlSeconds: bad })).rejects.toThrowError(ConfigurationError);
    });

    it('deletes entries, and returns the number of deleted entries', async () => {
      await cache.set('a', 1);
      await cache.set('b', 1);
      expect(await cache.delete('a', 'b', 'absent')).toBe(2);
      expect(await cache.delete()).toBe(0);
      expect(await cache.get('a')).toBeUndefined();
    });

    it('reads and writes many entries with one call', async () => {
      const entries = new Map([
        ['a', 1],
        ['b', 2],
      ]);
      expect(await cache.setMany(entries)).toEqual({ source });
      expect(await cache.getMany(['a', 'absent', 'b'])).toEqual(entries);
      expect(await cache.getMany([])).toEqual(new Map());
      expect(await cache.setMany(new Map())).toEqual({ source: 'none' });
    });

    it('loads once for concurrent callers, and not again while the value is stored', async () => {
      let loads = 0;
      const load = async (): Promise<number> => {
        loads += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return 7;
      };
      const all = await Promise.all(Array.from({ length: 50 }, () => cache.getOrComputeEntry('k', load)));
      expect(new Set(all.map((entry) => `${entry.value} ${entry.source}`))).toEqual(new Set(['7 loader']));
      await waitUntil('the value is stored', async () => (await cache.get('k')) === 7);
      const again = await cache.getOrComputeEntry('k', load);
      expect(again.value).toBe(7);
      expect(readFrom).toContain(again.source);
      expect(loads).toBe(1);
    });

    it('throws a loader error to all waiting callers, and loads again for the next caller', async () => {
      let loads = 0;
      const load = (): number => {
        loads += 1;
        throw new Error('no luck');
      };
      const both = await Promise.allSettled([cache.getOrCompute('k', load), cache.getOrCompute('k', load)]);
      expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await expect(cache.getOrCompute('k', load)).rejects.toThrowError('no luck');
      expect(loads).toBe(2);
    });

    it('does not store a loaded value if its key was deleted or set during the load', async () => {
      const gate = Promise.withResolvers<string>();
      const slow = cache.getOrCompute('k', () => gate.promise);
      await waitUntil('the load has begun', () => cache.stats().loads > 0);
      await cache.delete('k');
      gate.resolve('outdated');
      expect(await slow).toBe('outdated');
      expect(await cache.get('k')).toBeUndefined();
    });

    it('returns the undefined result of a loader, and does not store it', async () => {
      expect(await cache.getOrCompute('k', () => undefined)).toBeUndefined();
      expect(await cache.get('k')).toBeUndefined();
    });

    it('validates on read: an entry that the schema rejects is a miss and is purged', async () => {
      await cache.set('k', 'text');
      const { purged } = cache.stats();
      expect(await cache.get('k', { schema: numbers })).toBeUndefined();
      expect(await cache.get('k')).toBeUndefined();
      await cache.set('k', 'text');
      expect(await cache.get('k', { schema: throwing })).toBeUndefined();
      expect(cache.stats().purged).toBe(purged + 2);
      await cache.set('k', 5);
      expect(await cache.get('k', { schema: numbers })).toBe(5);
    });

    it('purges an entry that was written with a different schema', async () => {
      await cache.set('k', 1, { schemaId: 'user@1' });
      expect(await cache.get('k', { schemaId: 'user@1' })).toBe(1);
      expect(await cache.getOrCompute('k', () => 2, { schemaId: 'user@2' })).toBe(2);
      await waitUntil(
        'the new value is stored',
        async () => (await cache.get('k', { schemaId: 'user@2' })) === 2,
      );
    });

    it('clears its namespace', async () => {
      for (let i = 0; i < 30; i++) await cache.set(`k${i}`, i);
      expect(await cache.clear()).toBe(30);
      expect(await cache.get('k1')).toBeUndefined();
    });

    it('rejects an empty key', async () => {
      await expect(cache.get('')).rejects.toThrowError(ConfigurationError);
    });

    it('counts operations, and exposes the counters to Prometheus', async () => {
      const before = cache.stats();
      await cache.set('k', 1);
      await cache.get('k');
      await cache.get('absent');
      const { hits, misses, writes, hitRatio } = cache.stats();
      expect([hits - before.hits, misses - before.misses, writes - before.writes]).toEqual([1, 1, 1]);
      expect(hitRatio).toBeCloseTo(hits / (hits + misses));
      expect(cache.metrics()).toMatch(
        new RegExp(`^cache_redis_hits_total\\{namespace="[^"]+"\\} ${hits}$`, 'm'),
      );
      expect(await cache.ping()).toBeGreaterThanOrEqual(0);
    });
  });
}
