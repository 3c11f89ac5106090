// A CommonJS user program that prints its results. Its argument is the address of Redis.
const client = require('@redis-cache-kit/client');
const { CacheWarmer } = require('@redis-cache-kit/client/warming');

async function main() {
  const [host, port] = process.argv[2].split(':');
  const cache = client.redisCache({ address: { host, port: Number(port) }, namespace: 'cjs' });
  await cache.set('k', { a: 1 }, { ttlSeconds: 60, tags: ['t'] });
  const read = await cache.get('k');
  const refused = await cache.set('k', () => 1).catch((error) => error);
  // An ES module in the same process, such as a framework or a test runner, imports the client.
  const imported = await import('@redis-cache-kit/client');
  const said = {
    read,
    refused: refused instanceof client.SerializationError,
    // Both ways of loading give the same implementation.
    same: Object.keys(client).every((name) => imported[name] === client[name]),
    instanceofImported: refused instanceof imported.CacheError,
    names: Object.keys(imported).length === Object.keys(client).length,
    cron: await new CacheWarmer(client.memoryCache(), [
      { name: 'nightly', schedule: '0 3 * * *', generate: () => [] },
    ])
      .start()
      .catch((error) => error.message),
    node: process.version,
  };
  await cache.close();
  console.log(JSON.stringify(said));
}

main();
