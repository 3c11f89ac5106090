import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32InScript } from '../../../client/codec/envelope.ts';
import { encodeEnvelope } from '../../../client/envelope.ts';
import {
  type Cache,
  type CacheEvent,
  ClosedError,
  CommandError,
  DurabilityError,
  memoryCache,
  redisCache,
  tieredCache,
} from '../../../client/index.ts';
import type { StandardSchema } from '../../../client/types.ts';
import { cacheContract } from '../../contracts/cache.ts';
import { PATIENT_LOADS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start({ conf: ['user app on >secret ~* &* +@all'] });
});
afterAll(() => redis[Symbol.asyncDispose]());

cacheContract('a memory cache', 'memory', async () => memoryCache());
cacheContract('a cache over one Redis', 'redis', async () =>
  redisCache({ address: redis.address, namespace: 'one', ...PATIENT_LOADS }),
);
cacheContract('a cache over a stock connection', 'redis', async () =>
  redisCache({ address: redis.address, namespace: 'stock', supervision: false, ...PATIENT_LOADS }),
);
cacheContract('two tiers', 'tiered', async () => {
  const cache = tieredCache({ address: redis.address, namespace: 'tiers', ...PATIENT_LOADS });
  await cache.ping();
  return cache;
});
cacheContract('a cache opened by URL', 'redis', async () =>
  redisCache({
    url: `redis://app:secret@${redis.address.host}:${redis.address.port}/3`,
    namespace: 'url',
    ...PATIENT_LOADS,
  }),
);

describe('a cache over Redis', () => {
  // These tests count loads: a slow reply on a busy machine must not cause another load.
  const open = (namespace: string): Cache =>
    redisCache({ address: redis.address, namespace, ...PATIENT_LOADS });

  it('writes its keys under its namespace, with their TTL', async () => {
    const cache = open('ns');
    await cache.set('v1:natal:1', 1, { ttlSeconds: 100 });
    expect(cache.physicalKey('v1:natal:1')).toBe('ns:v1:natal:1');
    expect(await redis.admin().ttl('ns:v1:natal:1')).toBeGreaterThan(98);
    await cache.set('forever', 1, { ttlSeconds: null });
    expect(await redis.admin().ttl('ns:forever')).toBe(-1);
    await cache.close();
  });

  it('clears its auxiliary keys as well as its entries, and counts only the entries', async () => {
    const cache = open('all');
    await cache.set('k', 1, { tags: ['t'] });
    await redis.admin().set('all:~lease:{all:x}', 'token');
    expect(await cache.clear()).toBe(1);
    expect(await redis.admin().keys('all:*')).toEqual([]);
    await cache.close();
  });

  it('resolves concurrent close calls together', async () => {
    const cache = open('twice');
    await cache.ping();
    const first = cache.close();
    await cache.close();
    expect(cache.connection?.state.kind).toBe('closed');
    await first;
  });

  it('clears no other namespace, even one that matches its name as a glob pattern', async () => {
    const [cache, other] = [open('a*'), open('ab')];
    await cache.set('k', 1);
    await other.set('k', 1);
    expect(await cache.clear()).toBe(1);
    expect(await other.get('k')).toBe(1);
    await Promise.all([cache.close(), other.close()]);
  });

  it('treats every kind of poisoned payload as a miss, and purges and counts it', async () => {
    const cache = open('poison');
    const good = encodeEnvelope({ a: 1 });
    const flipped = Buffer.from(good);
    flipped[14] = (flipped[14] as number) ^ 1;
    const poison = [
      Buffer.alloc(0),
      Buffer.from('{"a":1}'),
      good.subarray(0, 15),
      flipped,
      Buffer.alloc(64, 0xce),
    ];
    const events: CacheEvent[] = [];
    cache.on((event) => event.type === 'purged' && events.push(event));
    for (const [i, payload] of poison.entries()) await redis.admin().set(`poison:${i}`, payload);
    const keys = poison.map((_, i) => String(i));
    expect((await cache.getMany(keys)).size).toBe(0);
    expect(await redis.admin().keys('poison:*')).toEqual([]);
    expect(cache.stats().purged).toBe(poison.length);
    expect(events).toHaveLength(poison.length);
    await cache.close();
  });

  it('applies the rules of get to getMany: returns only intact, fresh and current entries', async () => {
    const cache = open('mixed');
    await cache.set('tagged', 'of a tag', { tags: ['t'] });
    await cache.set('outdated', 'of another', { tags: ['o'] });
    await cache.invalidateTags('o');
    const later = { loadMs: 1, freshUntilMs: Date.now() + 60_000 };
    const broken = encodeEnvelope('x');
    broken[12] = '{'.charCodeAt(0);
    // A valid checksum over invalid JSON. The checksum is seeded with the first four bytes.
    broken.writeUInt32LE(crc32InScript(broken.subarray(8), broken.readUInt32LE(0)), 4);
    const stored = {
      plain: encodeEnvelope({ a: ['ü'] }),
      null: encodeEnvelope(null),
      fresh: encodeEnvelope('fresh', { freshness: later }),
      stale: encodeEnvelope('stale', { freshness: { loadMs: 1, freshUntilMs: 1 } }),
      bytes: encodeEnvelope(Buffer.from([1])),
      deflated: encodeEnvelope('long '.repeat(200), { deflateAboveBytes: 10 }),
      nothing: encodeEnvelope(undefined, { nothing: true }),
      broken,
      cut: encodeEnvelope('fresh', { freshness: later }).subarray(0, 15),
    };
    for (const [key, payload] of Object.entries(stored)) await redis.admin().set(`mixed:${key}`, payload);
    const keys = [...Object.keys(stored), 'tagged', 'outdated', 'absent', 'plain'];
    const before = cache.stats();
    const found = await cache.getMany(keys);
    expect(Object.fromEntries(found)).toEqual({
      plain: { a: ['ü'] },
      null: null,
      fresh: 'fresh',
      bytes: Buffer.from([1]),
      deflated: 'long '.repeat(200),
      tagged: 'of a tag',
    });
    expect(await redis.admin().exists('mixed:broken', 'mixed:cut')).toBe(0);
    const { hits, misses, purged } = cache.stats();
    expect([hits - before.hits, misses - before.misses, purged - before.purged]).toEqual([7, 6, 2]);
    const one = await Promise.all(keys.map((key) => cache.get(key)));
    expect(one).toEqual(keys.map((key) => found.get(key)));
    await cache.close();
  });

  it('does not purge an entry that was replaced after it was read', async () => {
    const cache = open('race');
    await redis.admin().set('race:k', 'garbage');
    const reads = Promise.all(Array.from({ length: 20 }, () => cache.get('k')));
    await redis.admin().set('race:k', encodeEnvelope('good'));
    await reads;
    expect(await cache.get('k')).toBe('good');
    await cache.close();
  });

  it('does not retry a purge that Redis refused', async () => {
    const cache = open('once');
    await redis.admin().set('once:k', 'garbage');
    await redis.admin().config('SET', 'min-replicas-to-write', '1');
    expect(await cache.get('k')).toBeUndefined();
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
    await redis.admin().set('once:k', encodeEnvelope('good'));
    await cache.set('other', 1);
    await cache.ping();
    expect(await cache.get('k')).toBe('good');
    await cache.close();
  });

  it('treats a key of another type as a miss, and overwrites it', async () => {
    const cache = open('type');
    await redis.admin().lpush('type:k', 'x');
    expect(await cache.getOrCompute('k', () => 5)).toBe(5);
    await cache.close();
    expect(await redis.admin().type('type:k')).toBe('string');
  });

  it('throws error replies from Redis, and the breaker does not count them', async () => {
    const cache = redisCache({ address: redis.address, breaker: { threshold: 1 } });
    await redis.admin().call('ACL', 'SETUSER', 'default', '-set');
    await expect(cache.set('k', 1)).rejects.toMatchObject({ code: 'NOPERM', outcome: 'not-applied' });
    await redis.admin().call('ACL', 'SETUSER', 'default', '+set');
    expect(cache.stats()).toMatchObject({ errors: 1, breaker: { kind: 'closed' } });
    await expect(cache.connection?.call('LPUSH', cache.physicalKey('a'))).rejects.toThrowError(CommandError);
    await cache.close();
  });

  it('throws when too few replicas confirm a durable write', async () => {
    const cache = open('durable');
    const write = cache.set('k', 1, { durability: { replicas: 1, timeoutMs: 50 } });
    await expect(write).rejects.toMatchObject({
      name: 'DurabilityError',
      required: 1,
      confirmed: 0,
      outcome: 'applied',
    });
    await expect(write).rejects.toThrowError(DurabilityError);
    await cache.close();
  });

  it('does not store a computed value after a later deletion', async () => {
    const durability = { replicas: 1, timeoutMs: 100 };
    const cache = redisCache({ address: redis.address, namespace: 'order', durability });
    await cache.ping();
    // The WAIT of a durable write occupies the connection for durable writes.
    const slow = cache.set('other', 1).catch((error: unknown) => error);
    await waitUntil('the write is applied', async () => (await redis.admin().exists('order:other')) === 1);
    expect(await cache.getOrCompute('k', () => 'old')).toBe('old');
    await cache.delete('k');
    expect(await slow).toBeInstanceOf(DurabilityError);
    await cache.close();
    expect(await redis.admin().exists('order:k')).toBe(0);
  });

  it('completes a store in flight before it closes, and rejects later calls', async () => {
    const cache = open('close');
    await cache.getOrCompute('k', () => 5);
    await cache.close();
    await cache.close();
    expect(await redis.admin().exists('close:k')).toBe(1);
    await expect(cache.get('k')).rejects.toThrowError(ClosedError);
  });
});

describe('a schema output that cannot be frozen', () => {
  const schemaOf = (make: (stored: unknown) => unknown) => ({
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => ({ value: make(value) }),
    },
  });

  it('is served from the first tier, with a separate value for each caller', async () => {
    const cache = tieredCache({ address: redis.address, namespace: 'frozen' });
    await cache.set('k', 'text');
    await waitUntil('the first tier has the value', async () => (await cache.lookup('k')).source === 'l1');
    const bytes = schemaOf((text) => Buffer.from(String(text)));
    const circle = schemaOf(() => {
      const self: { self?: unknown } = {};
      self.self = self;
      return self;
    });
    const date = schemaOf(() => ({ at: new Date(0) })) as StandardSchema<{ at: Date }>;
    for (let hit = 0; hit < 3; hit++) {
      expect(await cache.lookup('k', { schema: bytes })).toMatchObject({
        value: Buffer.from('text'),
        source: 'l1',
      });
      expect((await cache.lookup('k', { schema: circle })).found).toBe(true);
      const value = await cache.get('k', { schema: date });
      expect(value?.at.getTime()).toBe(0);
      value?.at.setTime(1);
    }
    await cache.close();
  });
});
