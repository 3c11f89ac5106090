/** Counters of one cache, and their metrics. Collecting them sends no commands. */

import type { MetricFamily } from '../api/metrics.ts';
import type { BreakerState, CacheStatistics } from '../api/types.ts';
import { labelsOf, renderExposition } from './exposition.ts';

/** Upper bounds of the latency histogram, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
const BREAKER_CODE: Readonly<Record<BreakerState['kind'], number>> = { closed: 0, 'half-open': 1, open: 2 };

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export interface Gauges {
  readonly breaker: BreakerState;
  readonly breakerTransitions: number;
  readonly breakerRecoveries: { readonly count: number; readonly totalMs: number };
  readonly connected: boolean;
  readonly memoryEntries: number;
  /** Estimated memory of the entries. */
  readonly memoryEntryBytes: number;
}

export class Statistics {
  hits = 0;
  misses = 0;
  errors = 0;
  writes = 0;
  deletes = 0;
  fallbackHits = 0;
  localHits = 0;
  purged = 0;
  loads = 0;
  stale = 0;
  refusals = 0;
  limited = 0;
  readonly #latency = new Map<string, Histogram>();

  observe(operation: string, ms: number): void {
    let histogram = this.#latency.get(operation);
    if (!histogram) {
      histogram = { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
      this.#latency.set(operation, histogram);
    }
    const seconds = ms / 1000;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) histogram.counts[bucket] = (histogram.counts[bucket] as number) + 1;
    histogram.sum += seconds;
    histogram.count += 1;
  }

  snapshot(breaker: BreakerState, breakerTransitions: number): CacheStatistics {
    const { hits, misses, errors, refusals, limited, writes, deletes } = this;
    const { fallbackHits, localHits, purged, loads, stale } = this;
    const reads = hits + misses;
    const hitRatio = reads === 0 ? null : hits / reads;
    return {
      hits,
      misses,
      errors,
      refusals,
      limited,
      writes,
      deletes,
      fallbackHits,
      localHits,
      purged,
      loads,
      stale,
      hitRatio,
      breaker,
      breakerTransitions,
    };
  }

  prometheus(namespace: string, gauges: Gauges): string {
    return renderExposition(this.families(gauges), { namespace });
  }

  families(gauges: Gauges): readonly MetricFamily[] {
    const { breaker, breakerTransitions, breakerRecoveries, connected, memoryEntries, memoryEntryBytes } =
      gauges;
    return [
      singleFamily('hits_total', 'counter', 'Reads that found a valid value.', this.hits),
      singleFamily('misses_total', 'counter', 'Reads that found no valid value.', this.misses),
      singleFamily('errors_total', 'counter', 'Operations that Redis rejected or that failed.', this.errors),
      singleFamily(
        'refusals_total',
        'counter',
        'Refusals by Redis for which a loader or the memory answered.',
        this.refusals,
      ),
      singleFamily(
        'limited_total',
        'counter',
        'Operations that a limit of this process refused (maxInFlight, its queues).',
        this.limited,
      ),
      singleFamily('writes_total', 'counter', 'Values written.', this.writes),
      singleFamily('deletes_total', 'counter', 'Keys deleted.', this.deletes),
      singleFamily('fallback_hits_total', 'counter', 'Hits served from memory.', this.fallbackHits),
      singleFamily('local_hits_total', 'counter', 'Hits of the first tier of the process.', this.localHits),
      singleFamily('purged_total', 'counter', 'Invalid payloads purged.', this.purged),
      singleFamily('loads_total', 'counter', 'Loader calls.', this.loads),
      singleFamily('stale_total', 'counter', 'Stale values returned.', this.stale),
      singleFamily(
        'breaker_state',
        'gauge',
        'Circuit breaker: 0 closed, 1 half-open, 2 open.',
        BREAKER_CODE[breaker.kind],
      ),
      singleFamily(
        'breaker_transitions_total',
        'counter',
        'State changes of the circuit breaker.',
        breakerTransitions,
      ),
      {
        name: 'cache_redis_breaker_recovery_seconds',
        type: 'summary',
        help: 'Time from the opening of the circuit breaker to its closing.',
        samples: [
          { labels: '', suffix: '_sum', value: breakerRecoveries.totalMs / 1000 },
          { labels: '', suffix: '_count', value: breakerRecoveries.count },
        ],
      },
      singleFamily('connected', 'gauge', '1 while a master replies.', connected ? 1 : 0),
      singleFamily('memory_entries', 'gauge', 'Entries kept in memory.', memoryEntries),
      singleFamily(
        'memory_entries_bytes',
        'gauge',
        'Estimated memory of the entries kept in memory.',
        memoryEntryBytes,
      ),
      this.#latencies(),
    ];
  }

  #latencies(): MetricFamily {
    const samples = [...this.#latency].flatMap(([operation, { counts, sum, count }]) => {
      const labels = labelsOf({ operation });
      let total = 0;
      return [
        ...BUCKETS.map((bound, i) => {
          total += counts[i] as number;
          return { labels: `${labels},le="${bound}"`, suffix: '_bucket', value: total };
        }),
        { labels: `${labels},le="+Inf"`, suffix: '_bucket', value: count },
        { labels, suffix: '_sum', value: sum },
        { labels, suffix: '_count', value: count },
      ];
    });
    return {
      name: 'cache_redis_latency_seconds',
      type: 'histogram',
      help: 'Time until Redis replies, by operation.',
      samples,
    };
  }
}

function singleFamily(name: string, type: 'counter' | 'gauge', help: string, value: number): MetricFamily {
  return { name: `cache_redis_${name}`, type, help, samples: [{ labels: '', value }] };
}
