/**
 * Options with their defaults, resolved once. A bad value is quoted in a `ConfigurationError`.
 */
import { isIPv6 } from 'node:net';
import { addressKey, parseKey } from './address.ts';
import {
  ADDRESS,
  BREAKER,
  COMPUTE,
  DURABILITY,
  L1,
  REPLICA_READS,
  SAMPLING,
  SCRIPTING,
  TLS,
} from './cache-option-names.ts';
import type { CodecChoice } from './codec/codec.ts';
import { CodecSelection } from './codec/codec.ts';
import { type ResolvedCompute, resolveCompute } from './compute/options.ts';
import { durationHint } from './duration-hint.ts';
import { ConfigurationError } from './errors.ts';
import type { FailureWindowOptions } from './failure-window.ts';
import type { ScriptingTerms } from './functions/procedures.ts';
import { assertName } from './identity.ts';
import type { DomainPatterns } from './invalidation/domains.ts';
import { assertOptions } from './option-names.ts';
import { flag, group, integer, list, shown, text } from './option-values.ts';
import type {
  Address,
  BreakerOptions,
  CacheOptions,
  ConnectionOptions,
  Credential,
  Durability,
  L1Options,
  RedisOptions,
  ReplicaReads,
  SentinelOptions,
} from './types.ts';

export const LIMITS = {
  /** The longest that one connect or command may take, in ms. */
  timeoutMs: 5000,
  /** The longest that the breaker may stay open, in ms. */
  openMs: 60_000,
  /** The longest TTL, in seconds: ten years. */
  ttlSeconds: 315_360_000,
  /** The most failures in a row that a breaker may wait for. */
  threshold: 1000,
  /** The highest number of a database. */
  db: 1_000_000,
} as const;

export const PORT_MAX = 65_535;

/** Memory for entries in this process: 10,000 documents of 1 KB, decoded, or 32 values of 2 MB. */
const MEMORY_BYTES = 64 * 1024 * 1024;
const MEMORY_BYTES_MAX = 1_000_000_000_000;

export interface ResolvedConnection {
  readonly mode: RedisOptions['mode'];
  /** Standalone: the one server. Sentinel: the sentinels. Cluster: some of its nodes. */
  readonly addresses: readonly Address[];
  readonly serviceName: string;
  readonly username: Credential | undefined;
  readonly password: Credential | undefined;
  readonly sentinelUsername: Credential | undefined;
  readonly sentinelPassword: Credential | undefined;
  readonly db: number;
  readonly tls: ConnectionOptions['tls'];
  readonly natMap: NonNullable<SentinelOptions['natMap']>;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly hangSuspectedMs: number;
  readonly poolSize: number;
  readonly maxInFlight: number;
  readonly supervision: boolean;
  readonly replicaReads: Required<ReplicaReads> | undefined;
}

export type ResolvedBreaker = Required<Omit<BreakerOptions, 'sampling'>> & {
  readonly sampling: FailureWindowOptions | undefined;
};

export interface ResolvedCache {
  readonly namespace: string;
  readonly defaultTtlSeconds: number | null;
  readonly breaker: ResolvedBreaker;
  readonly fallbackEntries: number;
  readonly fallbackBytes: number;
  readonly durability: Durability;
  readonly domains: DomainPatterns;
  readonly enabled: boolean;
  readonly codecs: CodecChoice;
  readonly deflateAboveBytes: number | undefined;
  readonly l1: Required<L1Options> | undefined;
  readonly compute: ResolvedCompute;
  readonly scripting: ScriptingTerms;
}

function address(path: string, value: Address | undefined): Address {
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${path}: ${shown(value)} is not an address { host, port }`);
  assertOptions(path, value, ADDRESS);
  return Object.freeze({
    host: hostOf(`${path}.host`, value.host),
    port: integer(`${path}.port`, value.port, 6379, 1, PORT_MAX),
  });
}

/** In brackets, as in a URL, an IPv6 address is no name that resolves: they are left out. */
function hostOf(path: string, value: unknown): string {
  const host = text(path, value, '127.0.0.1').replace(/^\[(.+)\]$/, '$1');
  if (/[[\]\s/@]/.test(host) || (host.includes(':') && !isIPv6(host)))
    throw new ConfigurationError(
      `${path}: ${shown(value)} is not a host name, an IPv4 address or an IPv6 address; the port is an option of its own`,
    );
  return host;
}

/** `[::1]:6379` and `::1:6379` are one announced address. */
function natMapOf(given: Readonly<Record<string, Address>> | undefined): Readonly<Record<string, Address>> {
  const entries = Object.entries(group('natMap', given) ?? {});
  return Object.freeze(
    Object.fromEntries(
      entries.map(([announced, reachable]) => {
        const { host, port } = parseKey(announced);
        if (host === '' || !Number.isInteger(port) || port < 1 || port > PORT_MAX)
          throw new ConfigurationError(`natMap: ${shown(announced)} is not an announced address 'host:port'`);
        const key = addressKey({ host: hostOf(`natMap[${shown(announced)}]`, host), port });
        return [key, address(`natMap[${shown(announced)}]`, reachable)];
      }),
    ),
  );
}

function addressesOf(options: RedisOptions): readonly Address[] {
  if (options.mode === 'standalone') return [address('address', options.address)];
  if (options.mode === 'cluster') return addresses('nodes', options.nodes, 'node');
  if (options.mode !== 'sentinel')
    throw new ConfigurationError(
      `mode: ${shown((options as { mode?: unknown }).mode)} is none of 'standalone', 'sentinel' and 'cluster'`,
    );
  return addresses('sentinels', options.sentinels, 'sentinel');
}

function addresses(path: string, given: readonly Address[], what: string): readonly Address[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new ConfigurationError(`${path}: ${shown(given)} names no ${what}; at least one { host, port }`);
  return given.map((each, i) => address(`${path}[${i}]`, each));
}

function database(options: RedisOptions): number {
  const db = integer('db', options.db, 0, 0, LIMITS.db);
  if (db !== 0 && options.mode === 'cluster')
    throw new ConfigurationError(
      `db: ${db}, but a cluster has only database 0; separate data by \`namespace\``,
    );
  return db;
}

function poolSize(options: RedisOptions): number {
  const size = integer('poolSize', options.poolSize, 1, 1, 16);
  if (size > 1 && options.mode === 'cluster')
    throw new ConfigurationError(`poolSize: ${size}, but a cluster has one connection a shard`);
  return size;
}

function replicaReads(options: RedisOptions): Required<ReplicaReads> | undefined {
  const given =
    options.mode === 'standalone' ? undefined : group('replicaReads', options.replicaReads, REPLICA_READS);
  return (
    given && {
      maxStalenessMs: integer('replicaReads.maxStalenessMs', given.maxStalenessMs, 1000, 20, 60_000),
    }
  );
}

function credential(path: string, value: unknown): Credential | undefined {
  if (value === undefined || typeof value === 'function') return value as Credential | undefined;
  // The value is a secret: only its type is told.
  if (typeof value !== 'string')
    throw new ConfigurationError(
      `${path}: a value of type ${typeof value} is neither a string nor a function`,
    );
  return value === '' ? undefined : value;
}

function credentials(options: RedisOptions) {
  const sentinel = options.mode === 'sentinel' ? options : undefined;
  const all = {
    username: credential('username', options.username),
    password: credential('password', options.password),
    sentinelUsername: credential('sentinelUsername', sentinel?.sentinelUsername),
    sentinelPassword: credential('sentinelPassword', sentinel?.sentinelPassword),
  };
  const asked = Object.entries(all).find(([, value]) => typeof value === 'function');
  if (asked && options.supervision === false)
    throw new ConfigurationError(
      `${asked[0]}: a function, but with supervision: false ioredis connects again by itself with what it was first given`,
    );
  return all;
}

function supervised(options: RedisOptions): boolean {
  const supervision = flag('supervision', options.supervision, true);
  if (!supervision && options.mode === 'cluster')
    throw new ConfigurationError('supervision: false, but a connection to a cluster is always supervised');
  if (!supervision && 'replicaReads' in options && options.replicaReads !== undefined)
    throw new ConfigurationError('replicaReads: with supervision: false ioredis reads from the master alone');
  return supervision;
}

export function resolveConnection(options: RedisOptions): ResolvedConnection {
  const sentinel = options.mode === 'sentinel' ? options : undefined;
  return Object.freeze({
    mode: options.mode,
    addresses: addressesOf(options),
    serviceName: text('serviceName', sentinel?.serviceName, 'mymaster'),
    ...credentials(options),
    db: database(options),
    tls: group('tls', options.tls, TLS),
    natMap: natMapOf(options.mode === 'standalone' ? undefined : options.natMap),
    connectTimeoutMs: integer('connectTimeoutMs', options.connectTimeoutMs, 1000, 1, LIMITS.timeoutMs),
    commandTimeoutMs: integer('commandTimeoutMs', options.commandTimeoutMs, 1000, 1, LIMITS.timeoutMs),
    poolSize: poolSize(options),
    hangSuspectedMs: integer('hangSuspectedMs', options.hangSuspectedMs, 150, 10, LIMITS.timeoutMs),
    maxInFlight: integer('maxInFlight', options.maxInFlight, 50_000, 1, 10_000_000),
    supervision: supervised(options),
    replicaReads: replicaReads(options),
  });
}

/** Redis refuses to be asked for a prefix and for a longer one beside it. */
function resolvePrefixes(prefixes: readonly string[]): readonly string[] {
  for (const prefix of prefixes) {
    assertName('l1.prefixes', prefix);
    if (prefix.startsWith('~'))
      throw new ConfigurationError(`l1.prefixes: ${shown(prefix)} is not the beginning of a key`);
    const longer = prefixes.find((other) => other !== prefix && other.startsWith(prefix));
    if (longer !== undefined)
      throw new ConfigurationError(
        `l1.prefixes: ${shown(longer)} begins with ${shown(prefix)}: leave it out`,
      );
  }
  return [...new Set(prefixes)];
}

/** `null`: no expiry. */
export function resolveTtl(
  path: string,
  value: number | null | undefined,
  fallback: number | null,
): number | null {
  if (value === undefined) return fallback;
  if (value === null) return null;
  if (typeof value !== 'number' || !(value >= 0) || value > LIMITS.ttlSeconds)
    throw new ConfigurationError(
      `${path}: ${shown(value)} is not a number of seconds from 0 (do not store) to ${LIMITS.ttlSeconds}, or null (no expiry)${durationHint(path, value)}`,
    );
  return value;
}

export function resolveDurability(
  path: string,
  value: Durability | undefined,
  fallback: Durability,
): Durability {
  if (value === undefined) return fallback;
  if (value === 'async') return value;
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${path}: ${shown(value)} is neither 'async' nor { replicas, timeoutMs }`);
  assertOptions(path, value, DURABILITY);
  return {
    replicas: integer(`${path}.replicas`, value.replicas, 1, 1, 100),
    timeoutMs: integer(`${path}.timeoutMs`, value.timeoutMs, 1000, 1, 60_000),
  };
}

function sampling(given: BreakerOptions['sampling']): FailureWindowOptions | undefined {
  const options = group('breaker.sampling', given, SAMPLING);
  if (options === undefined) return undefined;
  const { failureRatio = 0.5, minCalls, windowMs } = options;
  if (typeof failureRatio !== 'number' || !(failureRatio > 0 && failureRatio <= 1))
    throw new ConfigurationError(
      `breaker.sampling.failureRatio: ${shown(failureRatio)} is not a number above 0 and up to 1`,
    );
  return {
    failureRatio,
    minCalls: integer('breaker.sampling.minCalls', minCalls, 20, 1, 1_000_000),
    windowMs: integer('breaker.sampling.windowMs', windowMs, 10_000, 100, 600_000),
  };
}

export function resolveCache(options: CacheOptions): ResolvedCache {
  const breaker = group('breaker', options.breaker, BREAKER) ?? {};
  const l1 = group('l1', options.l1, L1);
  const scripting = group('scripting', options.scripting, SCRIPTING) ?? {};
  const namespace = text('namespace', options.namespace, 'cache');
  if (namespace.endsWith(':'))
    throw new ConfigurationError(`namespace: ${shown(namespace)} ends with ':', which is added by the cache`);
  return Object.freeze({
    namespace,
    defaultTtlSeconds: resolveTtl('defaultTtlSeconds', options.defaultTtlSeconds, 3600),
    breaker: {
      enabled: flag('breaker.enabled', breaker.enabled, true),
      threshold: integer('breaker.threshold', breaker.threshold, 5, 1, LIMITS.threshold),
      openMs: integer('breaker.openMs', breaker.openMs, LIMITS.openMs, 1, LIMITS.openMs),
      probeIntervalMs: integer('breaker.probeIntervalMs', breaker.probeIntervalMs, 500, 10, LIMITS.openMs),
      sampling: sampling(breaker.sampling),
    },
    fallbackEntries: integer('fallbackEntries', options.fallbackEntries, 1000, 0, 100_000_000),
    fallbackBytes: integer('fallbackBytes', options.fallbackBytes, MEMORY_BYTES, 1, MEMORY_BYTES_MAX),
    durability: resolveDurability('durability', options.durability, 'async'),
    enabled: flag('enabled', options.enabled, true),
    codecs: new CodecSelection(list('codecs', options.codecs), options.defaultCodec),
    domains: group('domains', options.domains) ?? {},
    compute: resolveCompute(group('compute', options.compute, COMPUTE)),
    scripting: {
      loadFunctions: flag('scripting.loadFunctions', scripting.loadFunctions, true),
      evalScripts: flag('scripting.evalScripts', scripting.evalScripts, true),
    },
    l1: l1 && {
      maxEntries: integer('l1.maxEntries', l1.maxEntries, 10_000, 1, 100_000_000),
      maxBytes: integer('l1.maxBytes', l1.maxBytes, MEMORY_BYTES, 1, MEMORY_BYTES_MAX),
      ttlSeconds: integer('l1.ttlSeconds', l1.ttlSeconds, 60, 1, LIMITS.ttlSeconds),
      boundMs: integer('l1.boundMs', l1.boundMs, 500, 50, 60_000),
      prefixes: resolvePrefixes(list('l1.prefixes', l1.prefixes) ?? []),
    },
    deflateAboveBytes:
      options.deflateAboveBytes === undefined
        ? undefined
        : integer('deflateAboveBytes', options.deflateAboveBytes, 0, 1, 1_000_000_000),
  });
}
