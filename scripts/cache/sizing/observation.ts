/**
 * Observes how a cache is used: a sample of its keys with TTL, idle time and memory, and the figures that the masters
 * report.
 */
import { KitError } from '../../../config/errors.ts';
import type { Info } from '../../../infra/redis/info.ts';
import { infoNumber } from '../../../infra/redis/info.ts';
import type { CacheData } from '../cache-data.ts';
import { internalPlaceOf, meanBytes, placeOf } from '../key-groups.ts';
import { askEach, type SampledKey, sampleKeys } from '../key-sample.ts';
import { factsOf, isDenied, readInfo, type ServerFacts } from '../server-facts.ts';
import type { IdleKey } from './key-growth.ts';

/** Sampled keys in one namespace and domain. */
export interface ObservedGroup {
  readonly namespace: string;
  readonly domain: string;
  /** Whether the keys are internal client keys, such as tag versions, rather than entries. */
  readonly internal: boolean;
  readonly keys: number;
  /** Number of keys without a TTL. */
  readonly persistent: number;
  /**
   * TTL of the group: the longest remaining time, which an entry has just after it was written. Null if no key has a
   * TTL.
   */
  readonly ttlSeconds: number | null;
  /** Mean memory of an entry in bytes, as MEMORY USAGE reports it. */
  readonly bytesPerKey: number;
  /** Idle times; null under an LFU policy, which has none. */
  readonly idle: readonly IdleKey[] | null;
}

export interface ObservedMaster extends ServerFacts {
  readonly id: string;
  /** Memory that does not belong to keys: empty server, client and replication buffers, append-only file. */
  readonly fixedBytes: number;
  /**
   * Commands per second since the server was started, and their mean duration, in us; null without INFO commandstats.
   */
  readonly meanCommandUs: number | null;
}

export interface Observation {
  readonly masters: readonly ObservedMaster[];
  readonly totalKeys: number;
  readonly sampledKeys: number;
  readonly groups: readonly ObservedGroup[];
}

/**
 * Number of keys per group whose memory is measured. Sizes vary: the mean of 300 keys has an error of a few per cent.
 */
const MEASURED_PER_GROUP = 300;

/** Observes the use. @throws KitError `INFO_DENIED`, `COMMAND_DENIED` */
export async function observeUse(
  data: CacheData,
  maxKeys: number,
  signal: AbortSignal,
): Promise<Observation> {
  const masters = await data.masters();
  const observed = await Promise.all(
    masters.map(async ({ id, redis }) => {
      const info = await readInfo(redis);
      const commands = await readInfo(redis, 'commandstats').catch(() => ({}));
      return {
        id,
        ...factsOf(info, data.db),
        fixedBytes: fixedBytesOf(info),
        meanCommandUs: meanDuration(commands),
      };
    }),
  );
  const sample = await sampleKeys(masters, maxKeys, { signal });
  const groups: ObservedGroup[] = [];
  const placed = Map.groupBy(sample.keys, ({ key }) => {
    const internal = internalPlaceOf(key);
    const { namespace, domain } = internal ?? placeOf(key);
    return `${namespace}\0${domain}\0${internal === undefined ? '' : 'internal'}`;
  });
  for (const [place, keys] of placed) {
    const [namespace = '', domain = '', internal = ''] = place.split('\0');
    groups.push({ namespace, domain, internal: internal !== '', ...(await observeGroup(keys, signal)) });
  }
  return {
    masters: observed,
    totalKeys: sample.total,
    sampledKeys: sample.keys.length,
    groups: groups.sort((a, b) => b.keys * b.bytesPerKey - a.keys * a.bytesPerKey),
  };
}

async function observeGroup(
  keys: readonly SampledKey[],
  signal: AbortSignal,
): Promise<Omit<ObservedGroup, 'namespace' | 'domain' | 'internal'>> {
  const ttlReplies = await askEach(keys, (key) => ['PTTL', key], signal);
  const denied = keys.filter((_, i) => ttlReplies[i] === null);
  if (denied.length > 0) await requireCommand(denied, signal, 'PTTL');
  // -2: the key does not exist; as if it had expired since it was sampled.
  const ttls = ttlReplies.map((ttl) => Number(ttl ?? -2));
  const idles = await askEach(keys, (key) => ['OBJECT', 'IDLETIME', key], signal);
  const remaining = ttls.filter((ttl) => ttl >= 0);
  const weightOf = (wanted: (i: number) => boolean) =>
    keys.reduce((sum, { weight }, i) => (wanted(i) ? sum + weight : sum), 0);
  const idle = idles.flatMap((seconds, i) =>
    typeof seconds === 'number' ? [{ idleSeconds: seconds, weight: keys[i]?.weight ?? 1 }] : [],
  );
  const bytes = await meanBytes(keys, signal, MEASURED_PER_GROUP);
  if (bytes === null) await requireCommand(keys, signal, 'MEMORY', 'USAGE');
  return {
    keys: weightOf(() => true),
    persistent: weightOf((i) => ttls[i] === -1),
    ttlSeconds: remaining.length === 0 ? null : Math.ceil(remaining.reduce((a, b) => Math.max(a, b)) / 1000),
    // Null if every key of the group has expired since it was sampled.
    bytesPerKey: bytes ?? 0,
    idle: idle.length === 0 ? null : idle,
  };
}

/**
 * Sends a command for each key, and reports why the server denies it. Without these commands, the need would be
 * underestimated.
 * @throws KitError `COMMAND_DENIED`; any other error of the server as it is
 */
async function requireCommand(
  keys: readonly SampledKey[],
  signal: AbortSignal,
  ...[name, ...words]: readonly [string, ...string[]]
): Promise<void> {
  for (const { master, key } of keys.slice(0, MEASURED_PER_GROUP)) {
    signal.throwIfAborted();
    try {
      await master.redis.callBuffer(name, ...words, key);
    } catch (error) {
      if (!isDenied(error)) throw error;
      const command = [name, ...words].join(' ');
      throw new KitError(`${master.id} denies ${command}, which the estimate needs: ${error.message}`, {
        code: 'COMMAND_DENIED',
        hint: 'grant +pttl, +memory|usage and the keys of the cache to the user',
      });
    }
  }
}

function fixedBytesOf(info: Info): number {
  const read = (field: string) => infoNumber(info, field) ?? 0;
  // Redis 7.0 and later report the replication buffers as one figure.
  const replication = info.mem_total_replication_buffers ?? info.mem_replication_backlog ?? '0';
  return (
    read('used_memory_startup') +
    read('mem_clients_normal') +
    read('mem_clients_slaves') +
    read('mem_aof_buffer') +
    Number(replication)
  );
}

function meanDuration(commands: Info): number | null {
  let [calls, us] = [0, 0];
  for (const text of Object.values(commands)) {
    calls += Number(/calls=(\d+)/.exec(text)?.[1] ?? 0);
    us += Number(/usec=(\d+)/.exec(text)?.[1] ?? 0);
  }
  return calls === 0 ? null : us / calls;
}
