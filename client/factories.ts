/** Cache factories for the common cases. `api/types.ts` documents the options and their defaults. */

import { ConfigurationError } from './api/errors.ts';
import type {
  Cache,
  CacheOptions,
  ClusterOptions,
  RedisOptions,
  SentinelOptions,
  StandaloneOptions,
} from './api/types.ts';
import { SupervisedCache } from './cache/cache.ts';
import { type ResolvedCache, resolveCache } from './cache/options.ts';
import { Coherence } from './l1/coherence.ts';
import { CoherenceOnDemand } from './l1/on-demand.ts';
import {
  CACHE_OPTIONS,
  CLUSTER_CACHE_OPTIONS,
  CONNECTION_OPTIONS,
  REDIS_CACHE_OPTIONS,
  SENTINEL_CACHE_OPTIONS,
} from './options/cache-option-names.ts';
import { resolveConnection } from './options/connection-options.ts';
import { LIMITS } from './options/limits.ts';
import { allNames, assertOptions } from './options/option-names.ts';
import { ConnectionFactory } from './transport/connection-factory.ts';
import { dedicatedConnections } from './transport/dedicated-connection.ts';
import { openConnection } from './transport/index.ts';

/** Options for a cache on one Redis server. The server is specified by its address or by a URL. */
export interface RedisCacheOptions extends CacheOptions, Omit<StandaloneOptions, 'mode' | 'address'> {
  /** Address of the server; default 127.0.0.1:6379. */
  readonly address?: StandaloneOptions['address'];
  /** URL, `redis://user:password@host:port/db`, or `rediss://` for TLS; takes precedence over the other options. */
  readonly url?: string;
}

/** Options for a cache on a master that sentinels monitor. */
export interface SentinelCacheOptions extends CacheOptions, Omit<SentinelOptions, 'mode'> {}

/** Options for a cache in a Redis Cluster. */
export interface ClusterCacheOptions extends CacheOptions, Omit<ClusterOptions, 'mode'> {}

/**
 * Options for a cache with two tiers. `address` or `url` selects a single Redis server; `mode` selects any kind of
 * connection.
 */
export type TieredCacheOptions = RedisCacheOptions | (CacheOptions & RedisOptions);

/** Number of entries in a memory cache if `fallbackEntries` is absent or 0. */
const MEMORY_ENTRIES = 1000;

/** Opens a cache on one Redis server. @throws ConfigurationError if an option is invalid */
export function redisCache(options: RedisCacheOptions = {}): Cache {
  assertOptions('', options, REDIS_CACHE_OPTIONS);
  const { url, address = { host: '127.0.0.1', port: 6379 }, ...rest } = options;
  const parsed: Partial<ReturnType<typeof parseUrl>> = url === undefined ? {} : parseUrl(url);
  // A URL can enable TLS but cannot name a CA, so a CA that is given separately is kept.
  const tls = parsed.tls && rest.tls ? { tls: rest.tls } : {};
  return openCache({ ...rest, mode: 'standalone', address, ...parsed, ...tls });
}

/**
 * Opens a cache on the master that the sentinels report, and follows its failovers.
 *
 * @throws ConfigurationError if an option is invalid
 */
export function sentinelCache(options: SentinelCacheOptions): Cache {
  assertOptions('', options, SENTINEL_CACHE_OPTIONS);
  return openCache({ ...options, mode: 'sentinel' });
}

/** Opens a cache in a Redis Cluster. @throws ConfigurationError if an option is invalid, or `db` is not 0 */
export function clusterCache(options: ClusterCacheOptions): Cache {
  assertOptions('', options, CLUSTER_CACHE_OPTIONS);
  return openCache({ ...options, mode: 'cluster' });
}

/** Opens a cache in the memory of this process, without Redis, with the same interface. */
export function memoryCache(options: CacheOptions = {}): Cache {
  assertOptions('', options, CACHE_OPTIONS);
  return inMemory(resolveCache(options));
}

function inMemory(resolved: ResolvedCache): Cache {
  return new SupervisedCache(
    { ...resolved, fallbackEntries: resolved.fallbackEntries || MEMORY_ENTRIES },
    undefined,
  );
}

/**
 * Opens a cache with two tiers: memory in this process on top of Redis. The memory is kept coherent with the writes of
 * all clients. The values that the cache returns are frozen.
 */
export function tieredCache(options: TieredCacheOptions): Cache {
  if (Object(options).mode === undefined) assertOptions('', options, REDIS_CACHE_OPTIONS);
  const tiered = { ...options, l1: options.l1 ?? {} };
  return 'mode' in tiered ? openCache(tiered) : redisCache(tiered);
}

/** Opens a cache with the kind of connection that `mode` selects. `enabled: false` opens a memory cache. */
export function openCache(options: CacheOptions & RedisOptions): Cache {
  const target = resolveConnection(options);
  assertOptions('', options, allNames(CACHE_OPTIONS, CONNECTION_OPTIONS[target.mode]));
  const resolved = resolveCache(options);
  if (!resolved.enabled) return inMemory(resolved);
  if (resolved.l1 && target.replicaReads)
    throw new ConfigurationError(
      'l1: cannot be combined with replicaReads, because replies from replicas may be older than an invalidation; remove l1 or replicaReads',
    );
  const factory = new ConnectionFactory(target);
  const connection = openConnection(target, factory);
  // The listener starts with the first tier, or when a tag is first used.
  const coherence = new CoherenceOnDemand(
    () =>
      new Coherence(connection, {
        prefixes: listenedTo(resolved),
        open: dedicatedConnections(target, factory),
        ...(resolved.l1 ? { boundMs: resolved.l1.boundMs } : {}),
      }),
  );
  return new SupervisedCache(resolved, connection, coherence);
}

/**
 * Returns the key prefixes that the listener subscribes to. Each write under a prefix costs Redis one message per
 * listener, so without a first tier the listener subscribes only to the keys of tags.
 */
function listenedTo({ namespace, l1 }: ResolvedCache): readonly string[] {
  const tags = `${namespace}:~tag:`;
  if (!l1) return [tags];
  return l1.prefixes.length === 0
    ? [`${namespace}:`]
    : [tags, ...l1.prefixes.map((prefix) => `${namespace}:${prefix}`)];
}

/** Parses the parts of a Redis URL. */
export function parseUrl(
  url: string,
): Pick<StandaloneOptions, 'address' | 'username' | 'password' | 'db' | 'tls'> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') || parsed.hostname === '')
    throw new ConfigurationError(
      `url: must be redis://… or rediss://…, got ${JSON.stringify(redactUrl(url))}`,
    );
  const [parameter] = parsed.searchParams.keys();
  if (parameter !== undefined || parsed.hash !== '')
    throw new ConfigurationError(
      `url: ${parameter === undefined ? 'a fragment (#…)' : `the parameter ${JSON.stringify(parameter)}`} is not supported; ` +
        'a URL is redis://user:password@host:port/db (rediss:// for TLS), everything else is an option',
    );
  const db = parsed.pathname.replace(/^\//, '');
  if (!/^\d*$/.test(db) || Number(db) > LIMITS.db)
    // An unescaped password with a slash ends up in the path.
    throw new ConfigurationError(
      `url: the path must be a database number, got ${JSON.stringify(db.includes('@') ? redactUrl(url) : db)}`,
    );
  return {
    address: { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 6379) },
    ...(parsed.username === '' ? {} : { username: unescapePart('user name', parsed.username) }),
    ...(parsed.password === '' ? {} : { password: unescapePart('password', parsed.password) }),
    ...(db === '' ? {} : { db: Number(db) }),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function unescapePart(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(
      `url: % in the ${what} must be followed by two hexadecimal digits; write %25 for a %`,
    );
  }
}

/**
 * Removes the credentials from a URL: everything up to the last @, because an unescaped password may contain a slash or
 * another @.
 */
function redactUrl(url: string): string {
  return url.replace(/\/\/.*@/s, '//[redacted]@');
}
