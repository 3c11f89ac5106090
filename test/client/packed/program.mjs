// A user program that runs under each Node.js version against a real Redis and prints its results. Its argument is the
// address of Redis.
import {
  ConfigurationError,
  fromEnv,
  memoryCache,
  redisCache,
  sentinelCache,
  tieredCache,
} from '@redis-cache-kit/client';
import { CacheWarmer } from '@redis-cache-kit/client/warming';

const [host, port] = process.argv[2].split(':');
const address = { host, port: Number(port) };

const cache = redisCache({ address, namespace: 'plain', codecs: [{ pattern: 'rich:*', codec: 'binary' }] });
await cache.set('k', { a: 1 }, { ttlSeconds: 60, tags: ['t'] });
const read = await cache.get('k');
await cache.invalidateTags('t');
const invalidated = await cache.get('k');
const loads = await Promise.all(
  Array.from({ length: 10 }, () => cache.getOrCompute('l', async () => process.pid, { ttlSeconds: 60 })),
);
const rich = { at: new Date(0), ids: new Map([[1n, new Set(['x'])]]), floats: new Float64Array([0.5]) };
await cache.set('rich:1', rich);
const back = await cache.get('rich:1');

const tiered = tieredCache({ address, namespace: 'tiered' });
await tiered.set('k', { b: 2 });
// The first tier serves the entry once its listener is connected.
const deadline = Date.now() + 10_000;
let entry;
do entry = await tiered.getEntry('k');
while (entry.source !== 'l1' && Date.now() < deadline);

// croner, an optional peer dependency, is not installed.
const warmer = new CacheWarmer(memoryCache(), [
  { name: 'nightly', schedule: '0 3 * * *', generate: () => [] },
]);
const scheduled = await warmer.start().then(
  () => 'started',
  (error) => (error instanceof ConfigurationError ? error.message : String(error)),
);
const memory = fromEnv({});
await memory.set('k', 0);
const sentinel = sentinelCache({ sentinels: [{ host: '127.0.0.1', port: 1 }], commandTimeoutMs: 50 });
const away = await sentinel.lookup('k');

const said = {
  read,
  invalidated: invalidated === undefined,
  loads: new Set(loads).size,
  rich: back.at.getTime() === 0 && back.ids.get(1n).has('x') && back.floats[0] === 0.5,
  tiered: { value: entry.value, source: entry.source, frozen: Object.isFrozen(entry.value) },
  scheduled,
  memory: await memory.get('k'),
  away: away.source,
  node: process.version,
};
await warmer.close?.();
for (const each of [cache, tiered, memory, sentinel]) await each.close();
console.log(JSON.stringify(said));
