/** The caching guide's code: docs/caching-guide.md shows its regions, test/examples.test.ts runs it. */
import { type Cache, redisCache } from '../client/index.ts';

interface User {
  readonly id: number;
  readonly name: string;
}
interface Shop {
  readonly users: Map<number, User>;
  readonly prices: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>;
}

export async function readUser(cache: Cache, shop: Shop, id: number): Promise<User | undefined> {
  // #region load
  const user = await cache.getOrCompute(`user:${id}`, () => shop.users.get(id), {
    ttlSeconds: 300,
    // For another minute the old value is returned at once, and refreshed in the background.
    staleWhileRevalidateSeconds: 60,
    // When the database fails, the old value stands in for up to an hour.
    graceSeconds: 3600,
    // What was stored together does not expire together.
    ttlJitter: 0.1,
    // "There is no such user" is worth remembering too, for a short time.
    negativeTtlSeconds: 10,
  });
  // #endregion
  return user;
}

export async function changeUser(cache: Cache, shop: Shop, user: User): Promise<void> {
  // #region change
  shop.users.set(user.id, user);
  // After the change and not before: a load in flight stores nothing any more.
  await cache.delete(`user:${user.id}`);
  // #endregion
}

export async function tags(cache: Cache): Promise<readonly unknown[]> {
  // #region tags
  await cache.set('page:home', '<html>', { tags: ['product:7', 'layout'] });
  await cache.set('page:list', '<html>', { tags: ['product:7', 'product:8'] });
  // One command, however many entries carry it.
  await cache.invalidateTags('product:8');
  // #endregion
  return [await cache.get('page:home'), await cache.get('page:list')];
}

export async function many(cache: Cache, shop: Shop): Promise<ReadonlyMap<string, number>> {
  // #region many
  const prices = await cache.getOrComputeMany(
    ['price:1', 'price:2', 'price:3'],
    // Called once, with the keys that are missing.
    (missing) => shop.prices(missing),
    { ttlSeconds: 60 },
  );
  // #endregion
  return prices;
}

export function withRichValues(url: string): Cache {
  // #region codecs
  const cache = redisCache({
    url,
    // Date, Map, Set, typed arrays and bigint stay what they are; other keys stay JSON.
    codecs: [{ pattern: 'session:', codec: 'binary' }],
    deflateAboveBytes: 1024,
  });
  // #endregion
  return cache;
}

export async function once(cache: Cache, order: string): Promise<boolean> {
  // #region once
  // True for one caller of all processes; throws while Redis is away, because then nobody knows.
  const first = await cache.setIfAbsent(`mail-sent:${order}`, true, { ttlSeconds: 86_400 });
  // #endregion
  return first;
}
