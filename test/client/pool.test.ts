import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, clusterCache, redisCache, tieredCache } from '../../client/index.ts';
import { cacheContract } from '../contracts/cache.ts';
import { RedisProcess, until } from '../support/redis.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

cacheContract('a cache over four connections', 'redis', async () =>
  redisCache({ address: redis.address, namespace: 'pool', poolSize: 4 }),
);
cacheContract('two tiers over three connections', 'tiered', async () => {
  const cache = tieredCache({ address: redis.address, namespace: 'pool-tiers', poolSize: 3 });
  await cache.ping();
  return cache;
});

describe('a pool of connections', () => {
  const connected = async (): Promise<number> =>
    ((await redis.admin().call('CLIENT', 'LIST', 'TYPE', 'normal')) as string)
      .split('\n')
      .filter((line) => line.includes('name=redis-cache-kit')).length;

  it('is as large as it is said, spreads keys, and leaves nothing open', async () => {
    const before = await connected();
    const cache = redisCache({ address: redis.address, namespace: 'many', poolSize: 4 });
    await until('four connections', async () => (await connected()) === before + 4);
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => cache.set(key, key)));
    expect((await cache.getMany(keys)).size).toBe(200);
    await cache.close();
    await until('they are closed', async () => (await connected()) === before);
  });

  it('keeps the order of what is asked of one key', async () => {
    const cache = redisCache({ address: redis.address, namespace: 'order', poolSize: 4 });
    await cache.ping();
    await Promise.all(Array.from({ length: 50 }, (_, i) => cache.set(`k${i % 5}`, i)));
    for (let k = 0; k < 5; k++) expect(await cache.get(`k${k}`)).toBe(45 + k);
    await cache.close();
  });

  it('is refused where it has no meaning', () => {
    const nodes = [redis.address];
    expect(() => clusterCache({ nodes, poolSize: 2 })).toThrowError(ConfigurationError);
    expect(() => redisCache({ poolSize: 17 })).toThrowError(/poolSize: 17/);
  });
});
