/**
 * Metrics that the server reports: evictions, memory, connections. Sends one INFO per scrape, on the shared connection.
 * If the user may not call INFO (NOPERM), these metrics are omitted without an error.
 */

import { ConfigurationError } from '../../api/errors.ts';
import type { MetricFamily } from '../../api/metrics.ts';
import type { Cache } from '../../api/types.ts';
import { mergeFamilies, renderExposition } from '../../cache/exposition.ts';
import { assertCache, assertMethods } from '../../options/arguments.ts';
import { checkList } from '../../options/option-values.ts';
import { askInfo, numberOf, type RedisInfo } from '../redis-info.ts';

const FIELDS = [
  ['evictions_total', 'counter', 'evicted_keys', 'Keys that Redis evicted for lack of memory.'],
  ['expired_total', 'counter', 'expired_keys', 'Keys that expired.'],
  ['memory_bytes', 'gauge', 'used_memory', 'Memory that Redis uses.'],
  ['memory_max_bytes', 'gauge', 'maxmemory', 'Memory that Redis may use; 0: no limit.'],
  ['memory_fragmentation_ratio', 'gauge', 'mem_fragmentation_ratio', 'Resident memory to used memory.'],
  ['connections', 'gauge', 'connected_clients', 'Connections to Redis, of all clients.'],
  ['connections_blocked', 'gauge', 'blocked_clients', 'Connections that wait in a blocking command.'],
  ['connections_rejected_total', 'counter', 'rejected_connections', 'Connections that Redis refused.'],
] as const;

/** Additional source of metrics, such as a warmer. */
export interface MetricSource {
  /** Returns the current metrics. */
  families(): readonly MetricFamily[];
}

export function assertSources(sources: unknown): void {
  for (const source of checkList('sources', sources as readonly unknown[] | undefined) ?? [])
    assertMethods('sources', source, ['families'], 'a list of metric sources, such as a CacheWarmer');
}

function serverFamilies(info: RedisInfo): readonly MetricFamily[] {
  return FIELDS.flatMap(([name, type, field, help]) => {
    const value = numberOf(info, field);
    return value === undefined
      ? []
      : [{ name: `cache_redis_${name}`, type, help, samples: [{ labels: '', value }] }];
  });
}

/** Collects the metrics of the cache, the server and the other sources. Never rejects. */
export async function collectFamilies(
  cache: Cache,
  sources: readonly MetricSource[] = [],
): Promise<readonly MetricFamily[]> {
  const own = [...cache.metricFamilies(), ...sources.flatMap((source) => source.families())];
  if (!cache.connection) return own;
  const info = await askInfo(cache.connection, 'INFO').catch(() => 'denied' as const);
  return info === 'denied' ? own : [...own, ...serverFamilies(info)];
}

/** Cache with additional sources, such as its warmer. */
export interface CacheWithSources {
  readonly cache: Cache;
  readonly sources: readonly MetricSource[];
}

/**
 * Returns the Prometheus text of a cache, its server and additional sources. The metrics of several caches are returned
 * as one exposition, with a `namespace` label. `cache.metrics()` returns only the metrics of the cache and sends no
 * command.
 *
 * @throws ConfigurationError if two caches have the same namespace
 */
export async function collectMetrics(
  caches: Cache | readonly (Cache | CacheWithSources)[],
  sources: readonly MetricSource[] = [],
): Promise<string> {
  const all = Array.isArray(caches) ? caches.map(withSources) : [{ cache: caches as Cache, sources }];
  for (const each of all) {
    assertCache(each.cache);
    assertSources(each.sources);
  }
  const groups = await Promise.all(
    all.map(async (each) => ({
      namespace: namespaceOf(each.cache),
      families: await collectFamilies(each.cache, each.sources),
    })),
  );
  return renderExposition(mergeFamilies(groups));
}

/**
 * Returns the Prometheus text of several caches as one exposition, with a `namespace` label. Sends no command, like
 * `cache.metrics()`. Two concatenated texts are not a valid exposition.
 *
 * @throws ConfigurationError if two caches have the same namespace
 */
export function renderMetrics(caches: readonly Cache[]): string {
  if (checkList('caches', caches) === undefined)
    throw new ConfigurationError('caches: must be a list of caches');
  for (const cache of caches) assertCache(cache);
  return renderExposition(
    mergeFamilies(
      caches.map((cache) => ({ namespace: namespaceOf(cache), families: cache.metricFamilies() })),
    ),
  );
}

function withSources(given: Cache | CacheWithSources): CacheWithSources {
  return typeof given === 'object' && given !== null && 'cache' in given
    ? given
    : { cache: given, sources: [] };
}

const PROBE = 'x';

/** Returns the namespace of a cache: the part of a physical key before the logical key. */
export function namespaceOf(cache: Cache): string {
  return cache.physicalKey(PROBE).slice(0, -`:${PROBE}`.length);
}
