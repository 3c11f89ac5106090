/** Resolves connection options and their defaults. The `ConfigurationError` for an invalid value quotes the value. */
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
import { checkFlag, checkGroup, checkInteger, checkName, shown } from './option-values.ts';

export interface ResolvedConnection {
  readonly mode: RedisOptions['mode'];
  /** Standalone: the address of the server. Sentinel: the sentinels. Cluster: some of its nodes. */
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

function checkAddress(path: string, value: Address | undefined): Address {
  if (typeof value !== 'object' || value === null)
    throw new ConfigurationError(`${path}: must be an address { host, port }, got ${shown(value)}`);
  assertOptions(path, value, ADDRESS);
  return Object.freeze({
    host: hostOf(`${path}.host`, value.host),
    port: checkInteger(`${path}.port`, value.port, 6379, 1, PORT_MAX),
  });
}

/**
 * Removes the brackets from an IPv6 address written as in a URL, because a host name with brackets does not resolve.
 */
function hostOf(path: string, value: unknown): string {
  const host = checkName(path, value, '127.0.0.1').replace(/^\[(.+)\]$/, '$1');
  if (/[[\]\s/@]/.test(host) || (host.includes(':') && !isIPv6(host)))
    throw new ConfigurationError(
      `${path}: must be a host name or an IP address without a port (option \`port\`), got ${shown(value)}`,
    );
  return host;
}

/** Resolves the NAT map. `[::1]:6379` and `::1:6379` are the same announced address. */
function natMapOf(given: Readonly<Record<string, Address>> | undefined): Readonly<Record<string, Address>> {
  const entries = Object.entries(checkGroup('natMap', given) ?? {});
  return Object.freeze(
    Object.fromEntries(
      entries.map(([announced, reachable]) => {
        const { host, port } = parseKey(announced);
        if (host === '' || !Number.isInteger(port) || port < 1 || port > PORT_MAX)
          throw new ConfigurationError(
            `natMap: keys must be announced addresses 'host:port', got ${shown(announced)}`,
          );
        const key = addressKey({ host: hostOf(`natMap[${shown(announced)}]`, host), port });
        return [key, checkAddress(`natMap[${shown(announced)}]`, reachable)];
      }),
    ),
  );
}

function addressesOf(options: RedisOptions): readonly Address[] {
  if (options.mode === 'standalone') return [checkAddress('address', options.address)];
  if (options.mode === 'cluster') return checkAddresses('nodes', options.nodes, 'node');
  if (options.mode !== 'sentinel')
    throw new ConfigurationError(
      `mode: must be 'standalone', 'sentinel' or 'cluster', got ${shown((options as { mode?: unknown }).mode)}`,
    );
  return checkAddresses('sentinels', options.sentinels, 'sentinel');
}

function checkAddresses(path: string, given: readonly Address[], what: string): readonly Address[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new ConfigurationError(
      `${path}: must name at least one ${what} { host, port }, got ${shown(given)}`,
    );
  return given.map((each, i) => checkAddress(`${path}[${i}]`, each));
}

function checkDatabase(options: RedisOptions): number {
  const db = checkInteger('db', options.db, 0, 0, LIMITS.db);
  if (db !== 0 && options.mode === 'cluster')
    throw new ConfigurationError(
      `db: ${db}, but a cluster has only database 0; separate data by \`namespace\``,
    );
  return db;
}

function poolSize(options: RedisOptions): number {
  const size = checkInteger('poolSize', options.poolSize, 1, 1, 16);
  if (size > 1 && options.mode === 'cluster')
    throw new ConfigurationError(`poolSize: ${size}, but a cluster has one connection per shard`);
  return size;
}

function replicaReads(options: RedisOptions): Required<ReplicaReads> | undefined {
  const given =
    options.mode === 'standalone'
      ? undefined
      : checkGroup('replicaReads', options.replicaReads, REPLICA_READS);
  return (
    given && {
      maxStalenessMs: checkInteger('replicaReads.maxStalenessMs', given.maxStalenessMs, 1000, 20, 60_000),
    }
  );
}

function checkCredential(path: string, value: unknown): Credential | undefined {
  if (value === undefined || typeof value === 'function') return value as Credential | undefined;
  // The value is a secret: only its type is printed.
  if (typeof value !== 'string')
    throw new ConfigurationError(
      `${path}: must be a string or a function, got a value of type ${typeof value}`,
    );
  return value === '' ? undefined : value;
}

function checkCredentials(options: RedisOptions) {
  const sentinel = options.mode === 'sentinel' ? options : undefined;
  const all = {
    username: checkCredential('username', options.username),
    password: checkCredential('password', options.password),
    sentinelUsername: checkCredential('sentinelUsername', sentinel?.sentinelUsername),
    sentinelPassword: checkCredential('sentinelPassword', sentinel?.sentinelPassword),
  };
  const asked = Object.entries(all).find(([, value]) => typeof value === 'function');
  if (asked && options.supervision === false)
    throw new ConfigurationError(
      `${asked[0]}: must be a string with supervision: false, because ioredis then reconnects with the first value`,
    );
  return all;
}

function isSupervised(options: RedisOptions): boolean {
  const supervision = checkFlag('supervision', options.supervision, true);
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
    serviceName: checkName('serviceName', sentinel?.serviceName, 'mymaster'),
    ...checkCredentials(options),
    db: checkDatabase(options),
    tls: checkGroup('tls', options.tls, TLS),
    natMap: natMapOf(options.mode === 'standalone' ? undefined : options.natMap),
    connectTimeoutMs: checkInteger('connectTimeoutMs', options.connectTimeoutMs, 1000, 1, LIMITS.timeoutMs),
    commandTimeoutMs: checkInteger('commandTimeoutMs', options.commandTimeoutMs, 1000, 1, LIMITS.timeoutMs),
    poolSize: poolSize(options),
    hangSuspectedMs: checkInteger('hangSuspectedMs', options.hangSuspectedMs, 150, 10, LIMITS.timeoutMs),
    maxInFlight: checkInteger('maxInFlight', options.maxInFlight, 50_000, 1, 10_000_000),
    supervision: isSupervised(options),
    replicaReads: replicaReads(options),
  });
}
