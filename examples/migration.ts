/** Snippets for docs/migration.md: the code after the migration. test/examples.test.ts runs them. */
import { type Cache, redisCache, tieredCache } from '../client/index.ts';

type LoadUser = (id: number) => Promise<{ readonly id: number; readonly name: string }>;

export async function fromIoredis(cache: Cache, loadUser: LoadUser) {
  // #region ioredis
  const user = await cache.getOrCompute('user:42', () => loadUser(42), { ttlSeconds: 300 });
  // Any other Redis command runs on the supervised connection.
  const visits = await cache.connection?.call('INCR', 'shop:visits');
  // #endregion
  return { user, visits };
}

export async function fromBentocache(url: string, loadUser: LoadUser) {
  // #region bentocache
  const cache = tieredCache({ url, namespace: 'shop' });
  const user = await cache.getOrCompute('user:42', () => loadUser(42), {
    ttlSeconds: 300,
    graceSeconds: 6 * 3600,
    softTimeoutMs: 200,
    tags: ['users'],
  });
  await cache.invalidateTags('users');
  // #endregion
  await cache.close();
  return user;
}

export async function fromCacheManager(url: string, loadUser: LoadUser) {
  // #region cache-manager
  const cache = redisCache({ url, namespace: 'shop', defaultTtlSeconds: 60 });
  // In seconds; cache-manager uses milliseconds.
  const user = await cache.getOrCompute('user:42', () => loadUser(42), { ttlSeconds: 300 });
  await cache.delete('user:42');
  // #endregion
  await cache.close();
  return user;
}
