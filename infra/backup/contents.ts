/**
 * Reads the contents of a server: the number of keys, a digest of all keys, and the keys that differ between servers.
 * Changes nothing.
 */
import type { Redis } from 'ioredis';
import type { BackupContents } from '../../config/backup-manifest.ts';
import { infoOf } from '../redis/reply.ts';
import { versionOf } from '../redis/running-server.ts';
import { formatServer } from '../redis/server-version.ts';

const SCAN_COUNT = 500;
/** Maximum number of keys named in a message. */
const NAMED_KEYS = 5;

/** Reads the contents of a server. Requires `enable-debug-command`, which is enabled on scratch servers. */
export async function readContents(redis: Redis): Promise<BackupContents> {
  return {
    databases: await databasesOf(redis),
    digest: String(await redis.call('DEBUG', 'DIGEST')),
    digestBy: formatServer(await versionOf(redis)),
    libraries: (await librariesOf(redis)).map(({ name }) => name).sort(),
  };
}

/** Returns the number of keys in each database. */
export async function databasesOf(redis: Redis): Promise<BackupContents['databases']> {
  const keyspace = await infoOf(redis, 'keyspace');
  return Object.fromEntries(
    [...keyspace].map(([name, text]) => {
      const field = (of: string) => Number(new RegExp(`${of}=(\\d+)`).exec(text)?.[1] ?? 0);
      return [name.slice('db'.length), { keys: field('keys'), expiring: field('expires') }];
    }),
  );
}

export function countKeys(databases: BackupContents['databases']): number {
  return Object.values(databases).reduce((sum, { keys }) => sum + keys, 0);
}

export interface Library {
  readonly name: string;
  readonly code: string;
}

export async function librariesOf(redis: Redis): Promise<readonly Library[]> {
  const reply = (await redis.call('FUNCTION', 'LIST', 'WITHCODE')) as readonly (readonly unknown[])[];
  return reply.map((fields) => {
    const field = (name: string) => String(fields[fields.indexOf(name) + 1]);
    return { name: field('library_name'), code: field('library_code') };
  });
}

/** Scans all keys of the selected database in batches. A key that is moved during the scan can be returned twice. */
export async function* keysOf(redis: Redis): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    const [next, keys] = (await redis.callBuffer('SCAN', cursor, 'COUNT', SCAN_COUNT)) as [Buffer, Buffer[]];
    cursor = next.toString();
    if (keys.length > 0) yield keys;
  } while (cursor !== '0');
}

export interface Comparison {
  /** Number of compared keys on the first server. */
  readonly compared: number;
  /** Number of keys whose value or expiry differs, or that are missing on the other server. */
  readonly different: number;
  /** Number of keys that only the other server has; 0 if they were not requested. */
  readonly additional: number;
  /** Some of the keys that differ, for messages. */
  readonly examples: readonly string[];
}

/**
 * Compares every key of a scratch server with the same key on another server, or in the shards of a cluster: its value
 * (DEBUG DIGEST-VALUE, independent of the encoding) and its expiry. Keys that expire during the comparison are ignored.
 */
export async function compareContents(
  expected: Redis,
  actual: readonly Redis[],
  {
    signal,
    findsAdditional = false,
  }: { readonly signal?: AbortSignal | undefined; readonly findsAdditional?: boolean } = {},
): Promise<Comparison> {
  const total = { compared: 0, different: 0, additional: 0, examples: [] as string[] };
  const servers = [expected, ...actual];
  const databases = (await Promise.all(servers.map(databasesOf))).flatMap((one) => Object.keys(one));
  for (const db of [...new Set(databases)].map(Number)) {
    await Promise.all(servers.map((redis) => redis.select(db)));
    let present = 0;
    for await (const keys of keysOf(expected)) {
      signal?.throwIfAborted();
      const [wanted, found] = await Promise.all([
        fingerprints(expected, keys),
        fingerprintsOnAny(actual, keys),
      ]);
      present += found.filter((print) => print !== ABSENT).length;
      const suspects = keys.filter((_, i) => wanted[i] !== ABSENT && found[i] !== wanted[i]);
      const different = await withoutExpired(expected, suspects);
      total.compared +=
        wanted.filter((print) => print !== ABSENT).length - (suspects.length - different.length);
      total.different += different.length;
      const named = different.slice(0, NAMED_KEYS - total.examples.length);
      total.examples.push(...named.map((key) => `${db}: ${key.toString().slice(0, 80)}`));
    }
    if (findsAdditional) total.additional += Math.max(0, (await visibleKeysOf(actual)) - present);
  }
  await Promise.all(servers.map((redis) => redis.select(0)));
  return total;
}

const ABSENT = 'absent';

async function fingerprints(redis: Redis, keys: readonly Buffer[]): Promise<readonly string[]> {
  const [digests, expiries] = await Promise.all([
    redis.call('DEBUG', 'DIGEST-VALUE', ...keys) as Promise<readonly string[]>,
    Promise.all(keys.map((key) => redis.call('PEXPIRETIME', key))),
  ]);
  // -2: no such key (PEXPIRETIME).
  return keys.map((_, i) => (Number(expiries[i]) === -2 ? ABSENT : `${digests[i]} ${expiries[i]}`));
}

/** Returns the fingerprints of keys that are spread over several servers; each key exists on at most one of them. */
async function fingerprintsOnAny(
  servers: readonly Redis[],
  keys: readonly Buffer[],
): Promise<readonly string[]> {
  const all = await Promise.all(servers.map((redis) => fingerprints(redis, keys)));
  return keys.map((_, i) => all.map((prints) => prints[i]).find((print) => print !== ABSENT) ?? ABSENT);
}

/** Filters out keys that have expired: a key may expire between the two queries that compare it. */
async function withoutExpired(redis: Redis, keys: readonly Buffer[]): Promise<readonly Buffer[]> {
  const expiries = await Promise.all(keys.map((key) => redis.call('PEXPIRETIME', key)));
  return keys.filter((_, i) => Number(expiries[i]) !== -2);
}

/** Counts the keys with SCAN, which does not return expired keys; DBSIZE would count them. */
async function visibleKeysOf(servers: readonly Redis[]): Promise<number> {
  const seen = new Set<string>();
  for (const redis of servers)
    for await (const keys of keysOf(redis)) for (const key of keys) seen.add(key.toString('latin1'));
  return seen.size;
}
