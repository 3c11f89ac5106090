/** Counters of one cache and their Prometheus text. Nothing here costs a command. */
import type { BreakerState, CacheStatistics } from './types.ts';

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
  readonly connected: boolean;
  readonly memoryEntries: number;
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
    const { hits, misses, errors, writes, deletes, fallbackHits, localHits, purged, loads } = this;
    const reads = hits + misses;
    const hitRatio = reads === 0 ? null : hits / reads;
    return {
      hits,
      misses,
      errors,
      writes,
      deletes,
      fallbackHits,
      localHits,
      purged,
      loads,
      hitRatio,
      breaker,
      breakerTransitions,
    };
  }

  prometheus(namespace: string, gauges: Gauges): string {
    const label = `namespace="${namespace.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
    const lines: string[] = [];
    const metric = (name: string, type: 'counter' | 'gauge', help: string, value: number): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name}{${label}} ${value}`);
    };
    metric('cache_redis_hits_total', 'counter', 'Reads that found a valid value.', this.hits);
    metric('cache_redis_misses_total', 'counter', 'Reads that found none.', this.misses);
    metric('cache_redis_errors_total', 'counter', 'Operations that Redis failed or refused.', this.errors);
    metric('cache_redis_writes_total', 'counter', 'Values written.', this.writes);
    metric('cache_redis_deletes_total', 'counter', 'Keys deleted.', this.deletes);
    metric('cache_redis_fallback_hits_total', 'counter', 'Hits served from memory.', this.fallbackHits);
    metric('cache_redis_local_hits_total', 'counter', "Hits of the process's own tier.", this.localHits);
    metric('cache_redis_purged_total', 'counter', 'Invalid payloads purged.', this.purged);
    metric('cache_redis_loads_total', 'counter', 'Calls of loaders.', this.loads);
    metric(
      'cache_redis_breaker_state',
      'gauge',
      'Circuit breaker: 0 closed, 1 half-open, 2 open.',
      BREAKER_CODE[gauges.breaker.kind],
    );
    metric(
      'cache_redis_breaker_transitions_total',
      'counter',
      'Changes of the circuit breaker.',
      gauges.breakerTransitions,
    );
    metric(
      'cache_redis_connected',
      'gauge',
      '1 while there is a master that answers.',
      gauges.connected ? 1 : 0,
    );
    metric('cache_redis_memory_entries', 'gauge', 'Entries kept in memory.', gauges.memoryEntries);
    this.#histograms(lines, label);
    return `${lines.join('\n')}\n`;
  }

  #histograms(lines: string[], label: string): void {
    const name = 'cache_redis_latency_seconds';
    lines.push(`# HELP ${name} Time to the answer, by operation.`, `# TYPE ${name} histogram`);
    for (const [operation, { counts, sum, count }] of this.#latency) {
      const labels = `${label},operation="${operation}"`;
      let total = 0;
      BUCKETS.forEach((bound, i) => {
        total += counts[i] as number;
        lines.push(`${name}_bucket{${labels},le="${bound}"} ${total}`);
      });
      lines.push(
        `${name}_bucket{${labels},le="+Inf"} ${count}`,
        `${name}_sum{${labels}} ${sum}`,
        `${name}_count{${labels}} ${count}`,
      );
    }
  }
}
