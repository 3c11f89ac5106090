/**
 * A separate process with a small heap that reads, deletes and invalidates a million keys. It prints its counts as
 * JSON.
 */
import { redisCache } from '../../../../client/index.ts';

const [host = '', port = '', count = ''] = process.argv.slice(2);
// The breaker would hide a batch that takes too long. Here such a batch is an error.
const cache = redisCache({
  address: { host, port: Number(port) },
  namespace: 'bulk',
  fallbackEntries: 0,
  breaker: { enabled: false },
});
await cache.ping();
for (let at = 0; at < Number(count); at += 100_000) {
  const stored = Array.from({ length: 100 }, (_, i) => [`key:${at + i}`, at + i] as const);
  await cache.setMany(new Map(stored), { tags: ['all'] });
}
const keys = Array.from({ length: Number(count) }, (_, i) => `key:${i}`);
const counted = {
  found: (await cache.getMany(keys)).size,
  exist: await cache.exists(keys),
  invalidated: await cache.invalidation.invalidate({ keys: keys.slice(0, keys.length / 2) }),
  deleted: await cache.delete(keys),
  left: (await cache.getMany(keys)).size,
};
await cache.close();
process.stdout.write(JSON.stringify(counted));
