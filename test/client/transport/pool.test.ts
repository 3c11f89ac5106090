import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, clusterCache, redisCache, tieredCache } from '../../../client/index.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { Pool } from '../../../client/transport/pool.ts';
import type { ConnectionEvent, SupervisedConnection } from '../../../client/types.ts';
import { cacheContract } from '../../contracts/cache.ts';
import { PATIENT_LOADS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

cacheContract('a cache over four connections', 'redis', async () =>
  redisCache({ address: redis.address, namespace: 'pool', poolSize: 4, ...PATIENT_LOADS }),
);
cacheContract('two tiers over three connections', 'tiered', async () => {
  const cache = tieredCache({
    address: redis.address,
    namespace: 'pool-tiers',
    poolSize: 3,
    ...PATIENT_LOADS,
  });
  await cache.ping();
  return cache;
});

describe('a pool of connections', () => {
  const connected = async (): Promise<number> =>
    ((await redis.admin().call('CLIENT', 'LIST', 'TYPE', 'normal')) as string)
      .split('\n')
      .filter((line) => line.includes('name=redis-cache-kit')).length;

  it('has the configured size, distributes keys, and leaves no connection open', async () => {
    const before = await connected();
    const cache = redisCache({ address: redis.address, namespace: 'many', poolSize: 4 });
    await waitUntil('four connections', async () => (await connected()) === before + 4);
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => cache.set(key, key)));
    expect((await cache.getMany(keys)).size).toBe(200);
    await cache.close();
    await waitUntil('the connections are closed', async () => (await connected()) === before);
  });

  it('keeps the order of commands for each key', async () => {
    const cache = redisCache({ address: redis.address, namespace: 'order', poolSize: 4 });
    await cache.ping();
    await Promise.all(Array.from({ length: 50 }, (_, i) => cache.set(`k${i % 5}`, i)));
    for (let k = 0; k < 5; k++) expect(await cache.get(`k${k}`)).toBe(45 + k);
    await cache.close();
  });

  it('keeps the order of commands with many keys, and returns replies in the order of the keys', async () => {
    const cache = redisCache({ address: redis.address, namespace: 'many', poolSize: 4 });
    await cache.ping();
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
    for (let round = 0; round < 10; round++) {
      const asked = [
        cache.setMany(new Map(keys.map((key) => [key, `before ${round}`]))),
        cache.delete(...keys),
        ...keys.filter((_, i) => i % 2 === 0).map((key) => cache.set(key, `${key} ${round}`)),
      ];
      await Promise.all(asked);
      const expected = keys.flatMap((key, i) => (i % 2 === 0 ? [[key, `${key} ${round}`] as const] : []));
      expect(await cache.getMany(keys)).toEqual(new Map(expected));
    }
    const raw = cache.connection as SupervisedConnection;
    expect(await raw.call('EXISTS', ...keys.map((key) => `many:${key}`))).toBe(30);
    await cache.close();
  });

  it('reports the events of each connection, with the keys that it serves', () => {
    const members = Array.from({ length: 3 }, () => {
      const listeners: ((event: ConnectionEvent) => void)[] = [];
      const follow = (listener: (event: ConnectionEvent) => void): void => void listeners.push(listener);
      const emit = (event: ConnectionEvent): void => {
        for (const listen of listeners) listen(event);
      };
      return { follow, emit };
    });
    const [first, ...others] = members as unknown as CacheConnection[];
    const pool = new Pool([first as CacheConnection, ...others]);
    const heard: (readonly [string, readonly string[]])[] = [];
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    pool.follow((event, part) => heard.push([event.type, keys.filter((key) => part.covers(key))]));
    for (const { emit } of members) emit({ type: 'closed' });
    expect(heard.map(([type]) => type)).toEqual(['closed', 'closed', 'closed']);
    // Each key belongs to one connection.
    expect(heard.flatMap(([, covered]) => covered).sort()).toEqual([...keys].sort());
    expect(heard.every(([, covered]) => covered.length > 0)).toBe(true);
  });

  it('is rejected in modes that do not support it', () => {
    const nodes = [redis.address];
    expect(() => clusterCache({ nodes, poolSize: 2 })).toThrowError(ConfigurationError);
    expect(() => redisCache({ poolSize: 17 })).toThrowError(/poolSize: must be .*, got 17/);
  });
});
