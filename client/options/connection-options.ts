/** Resolves the options of a connection with their defaults. A `ConfigurationError` quotes an invalid value. */
import { isIPv6 } from 'node:net';
import { ConfigurationError } from '../api/errors.ts';
import type {
  Address,
  ConnectionOptions,
  Credential,
  RedisOptions,
  ReplicaReads,
  SentinelOptions,
} from '../api/types.ts';
import { addressKey, parseKey } from '../transport/address.ts';
import { ADDRESS, REPLICA_READS, TLS } from './cache-option-names.ts';
import { LIMITS, PORT_MAX } from './limits.ts';
import { assertOptions } from './option-names.ts';
import { flag, group, integer, shown, text } from './option-values.ts';

export interface ResolvedConnection {
  readonly mode: RedisOptions['mode'];
  /** Standalone: the server. Sentinel: the sentinels. Cluster: some of its nodes. */
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

function address(path: string, value: Address | undefined): Address {
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${path}: must be an address { host, port }, got ${shown(value)}`);
  assertOptions(path, value, ADDRESS);
  return Object.freeze({
    host: hostOf(`${path}.host`, value.host),
    port: integer(`${path}.port`, value.port, 6379, 1, PORT_MAX),
  });
}

/** Removes the brackets of an IPv6 address in the form of a URL, which does not resolve. */
function hostOf(path: string, value: unknown): string {
  const host = text(path, value, '127.0.0.1').replace(/^\[(.+)\]$/, '$1');
  if (/[[\]\s/@]/.test(host) || (host.includes(':') && !isIPv6(host)))
    throw new ConfigurationError(
      `${path}: must be a host name or an IP address without a port (option \`port\`), got ${shown(value)}`,
    );
  return host;
}

/** Treats `[::1]:6379` and `::1:6379` as one announced address. */
function natMapOf(given: Readonly<Record<string, Address>> | undefined): Readonly<Record<string, Address>> {
  const entries = Object.entries(group('natMap', given) ?? {});
  return Object.freeze(
    Object.fromEntries(
      entries.map(([announced, reachable]) => {
        const { host, port } = parseKey(announced);
        if (host === '' || !Number.isInteger(port) || port < 1 || port > PORT_MAX)
          throw new ConfigurationError(
            `natMap: keys must be announced addresses 'host:port', got ${shown(announced)}`,
          );
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
      `mode: must be 'standalone', 'sentinel' or 'cluster', got ${shown((options as { mode?: unknown }).mode)}`,
    );
  return addresses('sentinels', options.sentinels, 'sentinel');
}

function addresses(path: string, given: readonly Address[], what: string): readonly Address[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new ConfigurationError(
      `${path}: must name at least one ${what} { host, port }, got ${shown(given)}`,
    );
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
    throw new ConfigurationError(`poolSize: ${size}, but a cluster has one connection per shard`);
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
  // The value is a secret: only its type is printed.
  if (typeof value !== 'string')
    throw new ConfigurationError(
      `${path}: must be a string or a function, got a value of type ${typeof value}`,
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
      `${asked[0]}: must be a string with supervision: false, because ioredis then reconnects with the first value`,
    );
  return all;
}

function supervised(options: RedisOptions): boolean {
  const supervision = flag('supervision', options.supervision, true);
  if (!supervision && options.mode === 'cluster')
    throw new ConfigurationError('supervision: false, but a connection to a cluster is always supervised');
  if (!supervision && 'replicaReads' in options && options.replicaReads !== undefined)
    throw new ConfigurationError(
      'replicaReads: not available with supervision: false, where ioredis reads from the master only',
    );
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
