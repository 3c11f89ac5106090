/**
 * Figures that one Redis server reports in INFO. Pure, except for sending the command. A missing field is null, never
 * 0.
 */
import type { Redis } from 'ioredis';
import { KitError } from '../../config/errors.ts';
import { type Info, infoNumber, parseInfo } from '../../infra/redis/info.ts';
import { ratioOf } from './figures.ts';

export interface ServerFacts {
  readonly version: string | null;
  readonly uptimeSeconds: number | null;
  readonly usedBytes: number | null;
  /** Memory of an empty server: `used_memory_startup`. */
  readonly startupBytes: number | null;
  readonly peakBytes: number | null;
  readonly rssBytes: number | null;
  /** Memory limit in bytes; null if no limit is set, or if the limit is unknown. */
  readonly maxBytes: number | null;
  readonly policy: string | null;
  readonly fragmentationRatio: number | null;
  readonly hits: number | null;
  readonly misses: number | null;
  readonly hitRatio: number | null;
  readonly opsPerSecond: number | null;
  readonly commands: number | null;
  readonly clients: number | null;
  readonly blockedClients: number | null;
  readonly maxClients: number | null;
  readonly evicted: number | null;
  readonly expired: number | null;
  readonly rejectedConnections: number | null;
  /** Number of keys in the selected database. */
  readonly keys: number;
}

/** Whether the server denies a command to this user, or has it under another name or not at all. */
export function isDenied(error: unknown): error is Error {
  return error instanceof Error && /^(?:NOPERM |ERR unknown )/.test(error.message);
}

/** Reads INFO. @throws KitError `INFO_DENIED` if the user is not allowed to run INFO */
export async function readInfo(redis: Redis, ...sections: readonly string[]): Promise<Info> {
  try {
    return parseInfo(String(await redis.call('INFO', ...sections)));
  } catch (error) {
    if (!isDenied(error)) throw error;
    const { message } = error;
    throw new KitError(`the server denies INFO to this user: ${message}`, {
      code: 'INFO_DENIED',
      hint: 'grant +info to the user',
    });
  }
}

/** Returns the figures in INFO. @param db database whose keys are counted */
export function factsOf(info: Info, db: number): ServerFacts {
  const read = (field: string): number | null => infoNumber(info, field);
  const [hits, misses, maxBytes] = [read('keyspace_hits'), read('keyspace_misses'), read('maxmemory')];
  return {
    version: info.valkey_version ?? info.redis_version ?? null,
    uptimeSeconds: read('uptime_in_seconds'),
    usedBytes: read('used_memory'),
    startupBytes: read('used_memory_startup'),
    peakBytes: read('used_memory_peak'),
    rssBytes: read('used_memory_rss'),
    maxBytes: maxBytes === 0 ? null : maxBytes,
    policy: info.maxmemory_policy ?? null,
    fragmentationRatio: read('mem_fragmentation_ratio'),
    hits,
    misses,
    hitRatio: hits === null || misses === null ? null : ratioOf(hits, hits + misses),
    opsPerSecond: read('instantaneous_ops_per_sec'),
    commands: read('total_commands_processed'),
    clients: read('connected_clients'),
    blockedClients: read('blocked_clients'),
    maxClients: read('maxclients'),
    evicted: read('evicted_keys'),
    expired: read('expired_keys'),
    rejectedConnections: read('rejected_connections'),
    keys: Number(/keys=(\d+)/.exec(info[`db${db}`] ?? '')?.[1] ?? 0),
  };
}

/** Returns the sums over several masters. A figure that one of the masters does not report is null. */
export function totalOf(nodes: readonly ServerFacts[]): ServerFacts {
  const sum = (read: (facts: ServerFacts) => number | null): number | null =>
    nodes.reduce<number | null>((total, facts) => {
      const value = read(facts);
      return total === null || value === null ? null : total + value;
    }, 0);
  const first = nodes[0];
  const [hits, misses] = [sum(({ hits: n }) => n), sum(({ misses: n }) => n)];
  const [used, rss] = [sum(({ usedBytes }) => usedBytes), sum(({ rssBytes }) => rssBytes)];
  return {
    version: first?.version ?? null,
    uptimeSeconds: first?.uptimeSeconds ?? null,
    usedBytes: used,
    startupBytes: sum(({ startupBytes }) => startupBytes),
    peakBytes: sum(({ peakBytes }) => peakBytes),
    rssBytes: rss,
    maxBytes: sum(({ maxBytes }) => maxBytes),
    policy: first?.policy ?? null,
    fragmentationRatio:
      nodes.length === 1
        ? (first?.fragmentationRatio ?? null)
        : used === null || rss === null
          ? null
          : ratioOf(rss, used),
    hits,
    misses,
    hitRatio: hits === null || misses === null ? null : ratioOf(hits, hits + misses),
    opsPerSecond: sum(({ opsPerSecond }) => opsPerSecond),
    commands: sum(({ commands }) => commands),
    clients: sum(({ clients }) => clients),
    blockedClients: sum(({ blockedClients }) => blockedClients),
    maxClients: sum(({ maxClients }) => maxClients),
    evicted: sum(({ evicted }) => evicted),
    expired: sum(({ expired }) => expired),
    rejectedConnections: sum(({ rejectedConnections }) => rejectedConnections),
    keys: nodes.reduce((total, { keys }) => total + keys, 0),
  };
}
