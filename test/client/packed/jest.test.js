// Jest runs this file; it loads CommonJS in a separate realm.
const { CacheError, ConfigurationError, memoryCache, redisCache } = require('@redis-cache-kit/client');
const { wrap } = require('@redis-cache-kit/client/wrap');

const address = () => {
  const [host, port] = process.env.TEST_REDIS.split(':');
  return { host, port: Number(port) };
};

test('values read from Redis equal the written values', async () => {
  const cache = redisCache({
    address: address(),
    namespace: 'jest',
    codecs: [{ pattern: 'rich:*', codec: 'binary' }],
  });
  const value = { list: [1, null, 'a'], nested: { yes: true } };
  await cache.set('plain', value);
  expect(await cache.get('plain')).toEqual(value);
  const rich = { at: new Date(0), ids: new Map([[1n, new Set(['x'])]]), bytes: new Uint8Array([1, 2]) };
  await cache.set('rich:1', rich);
  expect(await cache.get('rich:1')).toEqual(rich);
  await cache.close();
});

test('a wrapped function accepts objects as arguments', async () => {
  const cache = memoryCache();
  const area = wrap(async ({ width, height }) => width * height, { cache, domain: 'area' });
  expect(await area({ width: 2, height: 3 })).toBe(6);
  expect(await area({ height: 3, width: 2 })).toBe(6);
  expect(cache.stats().loads).toBe(1);
  await cache.close();
});

test('an error is an instance of its class', async () => {
  const cache = memoryCache();
  const error = await cache.get('').catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toBeInstanceOf(CacheError);
  await cache.close();
});
