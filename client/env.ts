/**
 * Opens a cache from environment variables (`fromEnv` lists them). No other module of the client reads `process.env`.
 *
 * @module env
 */

import { readFileSync } from 'node:fs';
import { ConfigurationError } from './api/errors.ts';
import type { Address, BreakerOptions, Cache, CacheOptions, RedisOptions, TlsOptions } from './api/types.ts';
import { memoryCache, openCache, parseUrl } from './factories.ts';
import { LIMITS, PORT_MAX } from './options/limits.ts';
import { addressKey } from './transport/address.ts';

/** Environment variables, such as `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Cache that the variables describe; `why` is the reason for a cache without Redis. */
export type EnvironmentPlan =
  | { readonly kind: 'memory'; readonly why: string; readonly cache: CacheOptions }
  | { readonly kind: 'redis'; readonly cache: CacheOptions; readonly redis: RedisOptions };

/**
 * Opens a cache from environment variables: in Redis only if `ENABLE_REDIS_CACHE` is `true`, otherwise in memory.
 *
 * | variable | meaning |
 * |---|---|
 * | `ENABLE_REDIS_CACHE` | `true`: use Redis. `false` or unset: memory only |
 * | `REDIS_SENTINEL_HOSTS` | `host:port,host:port`; takes precedence over `REDIS_URL` and `REDIS_HOST` |
 * | `REDIS_SERVICE_NAME` | the monitored master; default `mymaster` |
 * | `REDIS_URL` | `redis://user:password@host:port/db`; takes precedence over the variables below |
 * | `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_DB` | the parts of the address |
 * | `REDIS_CLUSTER_ENABLED` | `true`: the named Redis is a node of a cluster |
 * | `REDIS_SENTINEL_USERNAME`, `REDIS_SENTINEL_PASSWORD` | for the sentinels |
 * | `REDIS_NAT_MAP` | `announced=reachable`, comma-separated: `10.0.0.1:6379=127.0.0.1:7001`; for nodes, behind sentinels or in a cluster, that announce addresses that this process cannot reach |
 * | `REDIS_TLS` | `true`: TLS, with the CA in the file `REDIS_TLS_CA` if given; a CA alone also enables TLS |
 * | `CACHE_DEFAULT_TTL`, `REDIS_TTL` | seconds; the first takes precedence; default 3600 |
 * | `CACHE_NAMESPACE` | default `cache` |
 * | `CIRCUIT_BREAKER_ENABLED`, `CIRCUIT_BREAKER_THRESHOLD`, `CIRCUIT_BREAKER_TIMEOUT` | the last in seconds, at most 60 |
 *
 * The cache is also in memory if Redis is enabled, `NODE_ENV` is `development` and no variable names a Redis server.
 *
 * @throws ConfigurationError if a variable is invalid; the message names it and quotes its value
 */
export function fromEnv(variables: Variables = process.env): Cache {
  const plan = planFromEnv(variables);
  return plan.kind === 'memory' ? memoryCache(plan.cache) : openCache({ ...plan.cache, ...plan.redis });
}

/**
 * Returns the features that an application starts in addition to the cache: a `CacheWarmer`, and metrics, logs or
 * analytics. Controlled by `CACHE_WARMING_ENABLED` and `CACHE_MONITORING_ENABLED`, both true by default.
 */
export function featuresFromEnv(variables: Variables = process.env): {
  readonly warming: boolean;
  readonly monitoring: boolean;
} {
  return {
    warming: readBoolean(variables, 'CACHE_WARMING_ENABLED') ?? true,
    monitoring: readBoolean(variables, 'CACHE_MONITORING_ENABLED') ?? true,
  };
}

/** Returns the plan for the cache that `fromEnv` would open. */
export function planFromEnv(variables: Variables = process.env): EnvironmentPlan {
  const cache = cacheOptions(variables);
  if (isCluster(variables) && readVariable(variables, 'REDIS_SENTINEL_HOSTS') !== undefined)
    throw new ConfigurationError(
      'REDIS_CLUSTER_ENABLED: "true", but REDIS_SENTINEL_HOSTS names sentinels; a cluster has none',
    );
  const enabled = readBoolean(variables, 'ENABLE_REDIS_CACHE');
  if (enabled !== true) {
    const why =
      enabled === false ? 'ENABLE_REDIS_CACHE is false' : 'ENABLE_REDIS_CACHE is not set: Redis is disabled';
    return { kind: 'memory', why, cache };
  }
  const named = ['REDIS_SENTINEL_HOSTS', 'REDIS_URL', 'REDIS_HOST', 'REDIS_PORT'].some((name) =>
    readVariable(variables, name),
  );
  if (!named && variables.NODE_ENV === 'development')
    return { kind: 'memory', why: 'NODE_ENV is development and no variable names a Redis server', cache };
  return { kind: 'redis', cache, redis: redisOptions(variables) };
}

function redisOptions(variables: Variables): RedisOptions {
  const common = omitUndefined({
    username: readVariable(variables, 'REDIS_USERNAME'),
    password: readVariable(variables, 'REDIS_PASSWORD'),
    db: readInteger(variables, 'REDIS_DB', 0, LIMITS.db),
    tls: tlsFromEnv(variables),
  });
  const sentinels = readVariable(variables, 'REDIS_SENTINEL_HOSTS');
  const url = readVariable(variables, 'REDIS_URL');
  const fromUrl = url === undefined ? undefined : parsedUrl(url);
  // A URL can enable TLS but cannot name a CA, so a CA that is given separately is kept.
  const secure = fromUrl?.tls && common.tls ? { tls: common.tls } : {};
  if (sentinels !== undefined) {
    const { address: _, ...credentials } = fromUrl ?? { address: undefined };
    return {
      ...common,
      ...credentials,
      ...secure,
      mode: 'sentinel',
      sentinels: sentinels
        .split(',')
        .map((text) => parseAddress('REDIS_SENTINEL_HOSTS', text.trim(), 26_379)),
      ...omitUndefined({
        serviceName: readVariable(variables, 'REDIS_SERVICE_NAME'),
        sentinelUsername: readVariable(variables, 'REDIS_SENTINEL_USERNAME'),
        sentinelPassword: readVariable(variables, 'REDIS_SENTINEL_PASSWORD'),
        natMap: natMap(variables),
      }),
    };
  }
  const host = readVariable(variables, 'REDIS_HOST') ?? '127.0.0.1';
  const port = readInteger(variables, 'REDIS_PORT', 1, PORT_MAX) ?? 6379;
  if (isCluster(variables)) {
    const { address: node, ...credentials } = fromUrl ?? { address: { host, port } };
    const translated = omitUndefined({ natMap: natMap(variables) });
    return { ...common, ...credentials, ...secure, mode: 'cluster', nodes: [node], ...translated };
  }
  if (natMap(variables) !== undefined)
    throw new ConfigurationError(
      'REDIS_NAT_MAP: requires REDIS_SENTINEL_HOSTS or REDIS_CLUSTER_ENABLED, because a single Redis server announces no addresses',
    );
  return { ...common, mode: 'standalone', address: { host, port }, ...fromUrl, ...secure };
}

function isCluster(variables: Variables): boolean {
  return readBoolean(variables, 'REDIS_CLUSTER_ENABLED') === true;
}

function cacheOptions(variables: Variables): CacheOptions {
  const breakerSeconds = readInteger(variables, 'CIRCUIT_BREAKER_TIMEOUT', 1, LIMITS.openMs / 1000);
  const ttl = (name: string): number | undefined => readInteger(variables, name, 0, LIMITS.ttlSeconds);
  const breaker: BreakerOptions = omitUndefined({
    enabled: readBoolean(variables, 'CIRCUIT_BREAKER_ENABLED'),
    threshold: readInteger(variables, 'CIRCUIT_BREAKER_THRESHOLD', 1, LIMITS.threshold),
    openMs: breakerSeconds === undefined ? undefined : breakerSeconds * 1000,
  });
  return {
    ...omitUndefined({
      namespace: readNamespace(variables),
      defaultTtlSeconds: ttl('CACHE_DEFAULT_TTL') ?? ttl('REDIS_TTL'),
    }),
    breaker,
  };
}

function tlsFromEnv(variables: Variables): TlsOptions | undefined {
  const file = readVariable(variables, 'REDIS_TLS_CA');
  // A CA implies TLS. Otherwise the password would be sent in clear text.
  if (!(readBoolean(variables, 'REDIS_TLS') ?? file !== undefined)) return undefined;
  if (file === undefined) return {};
  try {
    return { ca: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new ConfigurationError(`REDIS_TLS_CA: ${JSON.stringify(file)} cannot be read`, error);
  }
}

/** Reads a variable. An empty variable counts as unset. */
function readVariable(variables: Variables, name: string): string | undefined {
  const value = variables[name];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function readInteger(variables: Variables, name: string, min: number, max: number): number | undefined {
  const value = readVariable(variables, name);
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max)
    throw new ConfigurationError(
      `${name}: must be an integer between ${min} and ${max}, got ${JSON.stringify(value)}`,
    );
  return Number(value);
}

function readNamespace(variables: Variables): string | undefined {
  const value = readVariable(variables, 'CACHE_NAMESPACE');
  if (value?.endsWith(':'))
    throw new ConfigurationError(
      `CACHE_NAMESPACE: must not end with ':' (the cache adds it), got ${JSON.stringify(value)}`,
    );
  return value;
}

/** Parses a URL. The error names the variable. */
function parsedUrl(url: string): ReturnType<typeof parseUrl> {
  try {
    return parseUrl(url);
  } catch (error) {
    throw new ConfigurationError((error as Error).message.replace(/^url/, 'REDIS_URL'));
  }
}

function readBoolean(variables: Variables, name: string): boolean | undefined {
  const value = readVariable(variables, name)?.toLowerCase();
  if (value === undefined) return undefined;
  if (['true', '1', 'yes', 'on'].includes(value)) return true;
  if (['false', '0', 'no', 'off'].includes(value)) return false;
  throw new ConfigurationError(`${name}: must be true or false, got ${JSON.stringify(value)}`);
}

function parseAddress(name: string, text: string, defaultPort: number): Address {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d+))?$/.exec(text);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (!match || port < 1 || port > PORT_MAX)
    throw new ConfigurationError(`${name}: must be host:port, got ${JSON.stringify(text)}`);
  return { host: (match[1] ?? match[2]) as string, port };
}

/** Parses `announced=reachable` pairs. Both sides are `host:port`, with IPv6 hosts in brackets. */
function natMap(variables: Variables): Readonly<Record<string, Address>> | undefined {
  const name = 'REDIS_NAT_MAP';
  const text = readVariable(variables, name);
  if (text === undefined) return undefined;
  const map = new Map<string, Address>();
  for (const pair of text.split(',').map((each) => each.trim())) {
    const [announced = '', reachable = '', ...more] = pair.split('=').map((each) => each.trim());
    if (more.length > 0 || !/:\d+$/.test(announced) || !/:\d+$/.test(reachable))
      throw new ConfigurationError(
        `${name}: must be announced=reachable, such as 10.0.0.1:6379=127.0.0.1:7001, got ${JSON.stringify(pair)}`,
      );
    const key = addressKey(parseAddress(name, announced, 0));
    if (map.has(key)) throw new ConfigurationError(`${name}: ${JSON.stringify(announced)} occurs twice`);
    map.set(key, parseAddress(name, reachable, 0));
  }
  return Object.fromEntries(map);
}

type Compact<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Removes undefined fields. */
function omitUndefined<T extends object>(fields: T): Compact<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Compact<T>;
}
