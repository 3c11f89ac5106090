/**
 * The `schema` option on its own: its hash in the envelope and in the key, and the handling of an entry with a
 * different shape.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { decodeEnvelope, encodeEnvelope, schemaIdOf } from '../../../client/envelope.ts';
import { wrap } from '../../../client/extras/wrap.ts';
import {
  buildKey,
  type Cache,
  type CacheEvent,
  type CacheOptions,
  redisCache,
  tieredCache,
} from '../../../client/index.ts';
import type { StandardSchema } from '../../../client/types.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

interface User {
  readonly id: number;
  readonly name: string;
}

const user = z.object({ id: z.number(), name: z.string() }) as unknown as StandardSchema<User>;
/** Accepts the same values, but has a different shape. */
const later = z.object({
  id: z.number(),
  name: z.string(),
  mail: z.string().optional(),
}) as unknown as StandardSchema<User>;
const ada: User = { id: 1, name: 'Ada' };

/** A validator that has no JSON Schema and counts its calls. */
function countingSchema(): StandardSchema<User> & { validated: number } {
  const schema: StandardSchema<User> & { validated: number } = {
    validated: 0,
    '~standard': {
      version: 1,
      vendor: 'mine',
      validate: (value) => {
        schema.validated += 1;
        const named = typeof value === 'object' && value !== null && 'name' in value;
        return named ? { value: value as User } : { issues: [{ message: 'no name' }] };
      },
    },
  };
  return schema;
}

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());
beforeEach(() => redis.admin().flushall());

const modes: readonly [string, (options: CacheOptions) => Cache][] = [
  ['one tier', (options) => redisCache({ ...options, address: redis.address })],
  ['two tiers', (options) => tieredCache({ ...options, address: redis.address })],
  ['no leases', (options) => redisCache({ ...options, address: redis.address, compute: { leaseMs: 0 } })],
];

describe.each(modes)('a schema without an explicit name, %s', (_, make) => {
  const open = async (): Promise<{ cache: Cache; reasons: string[] }> => {
    const cache = make({ namespace: 'ns' });
    onTestFinished(async () => void (await cache.close()));
    const reasons: string[] = [];
    cache.on((event: CacheEvent) => event.type === 'purged' && reasons.push(event.reason));
    await cache.ping();
    return { cache, reasons };
  };
  const schemaOf = async (key: string): Promise<number | undefined> => {
    const payload = await redis.admin().getBuffer(`ns:${key}`);
    const decoded = payload && decodeEnvelope(payload);
    return decoded?.ok ? decoded.schema : undefined;
  };
  const hashOf = (schema: StandardSchema): number => {
    const decoded = decodeEnvelope(encodeEnvelope(1, { schemaId: schemaIdOf(schema) }));
    return decoded.ok ? decoded.schema : 0;
  };

  it('has its hash in the envelope, for every kind of write', async () => {
    const { cache } = await open();
    await cache.set('set', ada, { schema: user });
    await cache.setMany(new Map([['many', ada]]), { schema: user });
    await cache.setIfAbsent('absent', ada, { schema: user });
    await cache.getOrCompute('computed', () => ada, { schema: user });
    await waitUntil('the value is stored', async () => (await redis.admin().exists('ns:computed')) === 1);
    expect(hashOf(user)).not.toBe(hashOf(later));
    for (const key of ['set', 'many', 'absent', 'computed']) expect(await schemaOf(key)).toBe(hashOf(user));
    const one = { schema: user };
    expect(await cache.get('set', one)).toEqual(ada);
    expect((await cache.getWithTtl('set', one))?.value).toEqual(ada);
    expect((await cache.getMany(['many', 'absent', 'computed'], one)).size).toBe(3);
    expect(cache.stats().purged).toBe(0);
  });

  it('treats an entry with a different shape as a miss, purges and counts it, and computes it again', async () => {
    const { cache, reasons } = await open();
    await cache.getOrCompute('k', () => ada, { schema: user });
    await waitUntil('the value is stored', async () => (await schemaOf('k')) === hashOf(user));
    // The value is valid under both schemas, so only the hash can distinguish them.
    expect(await cache.get('k', { schema: user })).toEqual(ada);
    const eve = { id: 2, name: 'Eve' };
    expect(await cache.getOrCompute('k', () => eve, { schema: later })).toEqual(eve);
    await waitUntil('the value is stored again', async () => (await schemaOf('k')) === hashOf(later));
    expect(await cache.get('k', { schema: later })).toEqual(eve);
    expect([cache.stats().purged, reasons]).toEqual([1, ['schema']]);
  });

  it('accepts an entry without a schema name if its value is valid', async () => {
    const { cache, reasons } = await open();
    await cache.set('good', ada);
    await cache.set('bad', { id: 'one' });
    expect(await cache.get('good', { schema: user })).toEqual(ada);
    expect(await cache.get('bad', { schema: user })).toBeUndefined();
    expect(reasons).toEqual([expect.stringMatching(/^schema: /)]);
    expect(await redis.admin().exists('ns:good', 'ns:bad')).toBe(1);
  });

  it('is overridden by an explicit name, which rejects entries without a name', async () => {
    const { cache } = await open();
    const named = { schema: user, schemaId: 'user@1' };
    await cache.set('k', ada, named);
    expect(await schemaOf('k')).not.toBe(hashOf(user));
    expect(await cache.get('k', { schema: later, schemaId: 'user@1' })).toEqual(ada);
    await cache.set('nameless', ada);
    expect(await cache.get('nameless', named)).toBeUndefined();
    expect(cache.stats().purged).toBe(1);
  });

  it('has no hash if it can only validate, so each read validates the value', async () => {
    const { cache } = await open();
    const schema = countingSchema();
    expect(schemaIdOf(schema)).toBeUndefined();
    await cache.set('k', ada, { schema });
    expect([await schemaOf('k'), schema.validated]).toEqual([0, 0]);
    expect(await cache.get('k', { schema })).toEqual(ada);
    // The read is accepted: the second schema has no hash to compare with the hash of the entry.
    await cache.set('k', ada, { schema: user });
    expect(await cache.get('k', { schema: countingSchema() })).toEqual(ada);
    await cache.set('k', { id: 1 }, { schema });
    expect(await cache.get('k', { schema })).toBeUndefined();
    expect([cache.stats().purged, await redis.admin().exists('ns:k')]).toEqual([1, 0]);
  });

  it('is converted to JSON Schema only once', async () => {
    const { cache } = await open();
    let asked = 0;
    const plain = countingSchema();
    const schema = {
      '~standard': {
        ...plain['~standard'],
        jsonSchema: {
          input: () => ({ asked: ++asked }),
          output: () => {
            throw new Error('a transform has no JSON Schema');
          },
        },
      },
    } as StandardSchema<User>;
    for (let i = 0; i < 5; i++) {
      await cache.set(`k${i}`, ada, { schema });
      expect(await cache.get(`k${i}`, { schema })).toEqual(ada);
      expect(buildKey('user', i, { schema })).toMatch(/^v1\.[0-9a-f]{8}:user:/);
    }
    expect(asked).toBe(1);
  });

  it('is part of the key and the envelope of a wrapped function, and a value written by set is accepted', async () => {
    const { cache } = await open();
    const find = wrap((id: number): User => ({ id, name: 'Ada' }), { cache, domain: 'user', schema: user });
    const key = find.keyOf(1);
    expect(key).toBe(buildKey('user', [1], { schema: user }));
    await find(1);
    await waitUntil('the value is stored', async () => (await schemaOf(key)) === hashOf(user));
    await cache.set(key, { id: 1, name: 'by hand' });
    expect((await find(1)).name).toBe('by hand');
  });
});
