/** Caches for the common cases. All options have defaults; see `types.ts`. */
import { SupervisedCache } from './cache.ts';
import { openConnection } from './connection/index.ts';
import { ConfigurationError } from './errors.ts';
import { resolveCache, resolveConnection } from './options.ts';
import type { Cache, CacheOptions, RedisOptions, SentinelOptions, StandaloneOptions } from './types.ts';

export interface RedisCacheOptions extends CacheOptions, Omit<StandaloneOptions, 'mode' | 'address'> {
  /** Default 127.0.0.1:6379. */
  readonly address?: StandaloneOptions['address'];
  /** `redis://user:password@host:port/db`, `rediss://` for TLS; what it says wins over the other options. */
  readonly url?: string;
}

export interface SentinelCacheOptions extends CacheOptions, Omit<SentinelOptions, 'mode'> {}

/** Entries kept by a memory cache where `fallbackEntries` says nothing or 0. */
const MEMORY_ENTRIES = 1000;

export function redisCache(options: RedisCacheOptions = {}): Cache {
  const { url, address = { host: '127.0.0.1', port: 6379 }, ...rest } = options;
  const parsed: Partial<ReturnType<typeof parseUrl>> = url === undefined ? {} : parseUrl(url);
  // The URL can only say that there is TLS: a CA that is given beside it is kept.
  const tls = parsed.tls && rest.tls ? { tls: rest.tls } : {};
  return openCache({ ...rest, mode: 'standalone', address, ...parsed, ...tls });
}

export function sentinelCache(options: SentinelCacheOptions): Cache {
  return openCache({ ...options, mode: 'sentinel' });
}

export function memoryCache(options: CacheOptions = {}): Cache {
  const resolved = resolveCache(options);
  return new SupervisedCache(
    { ...resolved, fallbackEntries: resolved.fallbackEntries || MEMORY_ENTRIES },
    undefined,
  );
}

/** Any of them, by options. `enabled: false` is a memory cache. */
export function openCache(options: CacheOptions & RedisOptions): Cache {
  const connection = resolveConnection(options);
  const resolved = resolveCache(options);
  return resolved.enabled ? new SupervisedCache(resolved, openConnection(connection)) : memoryCache(options);
}

/** The parts of a Redis URL that it names. */
export function parseUrl(
  url: string,
): Pick<StandaloneOptions, 'address' | 'username' | 'password' | 'db' | 'tls'> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') || parsed.hostname === '')
    throw new ConfigurationError(`url: ${JSON.stringify(redacted(url))} is not redis://… or rediss://…`);
  const db = parsed.pathname.replace(/^\//, '');
  if (!/^\d*$/.test(db)) throw new ConfigurationError(`url: ${JSON.stringify(db)} is not a database number`);
  return {
    address: { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 6379) },
    ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
    ...(db === '' ? {} : { db: Number(db) }),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** A URL that may be printed. */
function redacted(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//[redacted]@');
}
