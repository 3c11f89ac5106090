/**
 * Statistics of a cache: figures from its masters, a bounded sample of its keys, and the counters that its clients
 * share.
 */
import type { Address } from '../../infra/topology.ts';
import { type CacheData, type DataMaster, ownerOf } from './cache-data.ts';
import { ratioOf } from './figures.ts';
import { groupKeys, type NamespaceFigures } from './key-groups.ts';
import { sampleKeys } from './key-sample.ts';
import { factsOf, readInfo, type ServerFacts, totalOf } from './server-facts.ts';

/** Counters of `client/extras/shared-statistics.ts`. */
const SHARED = ['hits', 'misses', 'errors', 'writes', 'deletes', 'purged', 'loads'] as const;

export type SharedCounters = Readonly<Record<(typeof SHARED)[number], number>> & {
  readonly hitRatio: number | null;
};

export interface KeyStatistics {
  readonly total: number;
  readonly sampled: number;
  /** Whether the sample contains all keys. If false, the numbers of keys are estimates from the sample. */
  readonly complete: boolean;
  readonly namespaces: readonly NamespaceFigures[];
}

export interface CacheStatistics {
  readonly name: string;
  readonly substrate: CacheData['substrate'];
  readonly mode: CacheData['mode'];
  readonly db: number;
  readonly namespace: string;
  /** Time at which the figures were read, as an ISO string. */
  readonly at: string;
  readonly nodes: readonly (ServerFacts & { readonly id: string; readonly address: Address })[];
  readonly total: ServerFacts;
  /** Statistics of the sampled keys; null if no keys were sampled. */
  readonly keys: KeyStatistics | null;
  /** Counters that the clients of the namespace share; null if no client uses shared statistics. */
  readonly shared: SharedCounters | null;
}

export interface StatisticsOptions {
  /** Maximum number of keys to read; 0 to read no keys. */
  readonly sampleKeys: number;
  readonly signal?: AbortSignal;
  /** Keys sampled by an earlier call, to be reused. */
  readonly keys?: KeyStatistics | null;
}

export async function readStatistics(data: CacheData, options: StatisticsOptions): Promise<CacheStatistics> {
  const { name, substrate, mode, db, settings } = data;
  const masters = await data.masters();
  const nodes = await Promise.all(
    masters.map(async ({ id, address, redis }) => ({ id, address, ...factsOf(await readInfo(redis), db) })),
  );
  return {
    name,
    substrate,
    mode,
    db,
    namespace: settings.namespace,
    at: new Date().toISOString(),
    nodes,
    total: totalOf(nodes),
    keys: options.keys ?? (await keyStatistics(masters, options)),
    shared: await sharedCounters(masters, settings.namespace),
  };
}

async function keyStatistics(
  masters: readonly DataMaster[],
  { sampleKeys: most, signal }: StatisticsOptions,
): Promise<KeyStatistics | null> {
  if (most === 0) return null;
  const sample = await sampleKeys(masters, most, signal === undefined ? {} : { signal });
  return {
    total: sample.total,
    sampled: sample.keys.length,
    complete: sample.complete,
    namespaces: await groupKeys(sample, signal),
  };
}

/** Reads the shared counters; returns null if no counter exists. */
async function sharedCounters(
  masters: readonly DataMaster[],
  namespace: string,
): Promise<SharedCounters | null> {
  const values = await Promise.all(
    SHARED.map((counter) => {
      const key = `${namespace}:~stats:${counter}`;
      return ownerOf(masters, key)?.redis.call('GET', key) ?? null;
    }),
  );
  if (values.every((value) => value === null)) return null;
  const counters = Object.fromEntries(SHARED.map((name, i) => [name, Number(values[i] ?? 0)])) as Record<
    (typeof SHARED)[number],
    number
  >;
  return { ...counters, hitRatio: ratioOf(counters.hits, counters.hits + counters.misses) };
}
