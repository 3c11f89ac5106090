/**
 * Compares the same queries without a cache, with a memory cache and with Redis: 50 queries of 10 keys, and 100 queries
 * with a Zipf distribution.
 *
 *   node examples/comparison.ts redis://127.0.0.1:6379
 */

import { estimateSavings } from '../client/extras/analytics/index.ts';
import { type Cache, memoryCache, type RedisCacheOptions, redisCache } from '../client/index.ts';

/** Duration of a database query, in ms. */
const QUERY_MS = 5;

export interface Row {
  readonly load: string;
  readonly cache: 'none' | 'memory' | 'Redis';
  readonly queries: number;
  readonly databaseQueries: number;
  readonly hitRatio: number;
  readonly meanMs: number;
}

const query = async (key: string): Promise<string> => {
  await new Promise((resolve) => setTimeout(resolve, QUERY_MS));
  return `result of ${key}`;
};

const realistic = Array.from({ length: 50 }, (_, i) => `q${i % 10}`);
/** Zipf distribution over 20 keys: rank r occurs in proportion to 1/r. Deterministic instead of random. */
const zipf = Array.from({ length: 100 }, (_, i) => `z${rankAt(((i * 61) % 100) / 100)}`);

function rankAt(share: number): number {
  const weights = Array.from({ length: 20 }, (_, rank) => 1 / (rank + 1));
  let left = share * weights.reduce((sum, weight) => sum + weight, 0);
  let rank = 0;
  for (; left >= (weights[rank] as number); rank++) left -= weights[rank] as number;
  return rank;
}

async function measured(
  load: string,
  keys: readonly string[],
  name: Row['cache'],
  cache: Cache | undefined,
): Promise<Row> {
  let databaseQueries = 0;
  const startedAt = performance.now();
  for (const key of keys) {
    const ask = (): Promise<string> => {
      databaseQueries += 1;
      return query(key);
    };
    await (cache ? cache.getOrCompute(key, ask, { ttlSeconds: 300 }) : ask());
  }
  const meanMs = (performance.now() - startedAt) / keys.length;
  return {
    load,
    cache: name,
    queries: keys.length,
    databaseQueries,
    hitRatio: 1 - databaseQueries / keys.length,
    meanMs,
  };
}

/** @param options additional options for the cache in Redis, such as timeouts */
export async function comparison(url: string, options: RedisCacheOptions = {}): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [load, keys] of [
    ['50 realistic', realistic],
    ['100 Zipf', zipf],
  ] as const) {
    rows.push(await measured(load, keys, 'none', undefined));
    for (const [name, cache] of [
      ['memory', memoryCache()],
      ['Redis', redisCache({ url, namespace: 'comparison', ...options })],
    ] as const) {
      // Connect before the measurement starts.
      await cache.ping();
      rows.push(await measured(load, keys, name, cache));
      await cache.clear();
      await cache.close();
    }
  }
  return rows;
}

if (import.meta.main) {
  console.table(await comparison(process.argv[2] ?? 'redis://127.0.0.1:6379'));
  console.log(estimateSavings({ queriesPerHour: 10_000, hitRatio: 0.8, savedMsPerHit: 150 }).arithmetic);
}
