/** Snippets for docs/caching-guide.md, as regions. test/examples.test.ts runs them. */
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
    // For a minute after the TTL, return the stale value at once and refresh it in the background.
    staleWhileRevalidateSeconds: 60,
    // For an hour after the TTL, return the stale value if the database fails.
    graceSeconds: 3600,
    // Prevent entries that were stored together from expiring together.
    ttlJitter: 0.1,
    // Cache the result "no such user" for a short time.
    negativeTtlSeconds: 10,
  });
  // #endregion
  return user;
}

export async function readPage(cache: Cache, fetchPage: typeof fetch, url: string): Promise<string> {
  // #region context
  const page = await cache.getOrCompute(`page:${url}`, async ({ signal, addTags, setTtlSeconds, skip }) => {
    // Add tags before reading the data: a later invalidation of the tag then covers the result.
    await addTags(new URL(url).host);
    const response = await fetchPage(url, { signal });
    if (!response.ok) skip();
    const maxAge = /max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1];
    if (maxAge !== undefined) setTtlSeconds(Number(maxAge));
    return response.text();
  });
  // #endregion
  return page;
}

export async function changeUser(cache: Cache, shop: Shop, user: User): Promise<void> {
  // #region change
  shop.users.set(user.id, user);
  // After the change, not before: a load in flight then does not store the old value.
  await cache.delete(`user:${user.id}`);
  // #endregion
}

export async function tags(cache: Cache): Promise<readonly unknown[]> {
  // #region tags
  await cache.set('page:home', '<html>', { tags: ['product:7', 'layout'] });
  await cache.set('page:list', '<html>', { tags: ['product:7', 'product:8'] });
  // One command, regardless of the number of entries with this tag.
  await cache.invalidateTags('product:8');
  // #endregion
  return [await cache.get('page:home'), await cache.get('page:list')];
}

export async function many(cache: Cache, shop: Shop): Promise<ReadonlyMap<string, number>> {
  // #region many
  const prices = await cache.getOrComputeMany(
    ['price:1', 'price:2', 'price:3'],
    // Called once, with the missing keys.
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
    // Preserves Date, Map, Set, typed arrays and bigint for these keys. Other keys use JSON.
    codecs: [{ pattern: 'session:', codec: 'binary' }],
    deflateAboveBytes: 1024,
  });
  // #endregion
  return cache;
}

export async function once(cache: Cache, order: string): Promise<boolean> {
  // #region once
  // True for exactly one caller across all processes. Throws while Redis is unreachable.
  const first = await cache.setIfAbsent(`mail-sent:${order}`, true, { ttlSeconds: 86_400 });
  // #endregion
  return first;
}
