/**
 * Reports the statistics of caches on an OpenTelemetry meter, with one set of instruments per meter and one time series
 * per namespace. The counts of caches with the same namespace are added. The counts of a closed cache remain in the
 * sum, because a counter never decreases.
 */

import type { Cache, CacheStatistics } from '../../api/types.ts';
import type { TelemetryMeter } from '../telemetry-api.ts';

const COUNTERS = {
  hits: 'Reads that found a valid value.',
  misses: 'Reads that found no valid value.',
  errors: 'Operations that Redis rejected or that failed.',
  writes: 'Values written.',
  deletes: 'Keys deleted.',
  purged: 'Invalid payloads purged.',
  loads: 'Loader calls.',
  stale: 'Stale values returned.',
} as const satisfies Partial<Record<keyof CacheStatistics, string>>;

type CounterName = keyof typeof COUNTERS;
const NAMES = Object.keys(COUNTERS) as CounterName[];

export interface MeterReport {
  /** Histogram of the latency of each operation. */
  readonly duration: ReturnType<TelemetryMeter['createHistogram']>;
  /** Reports the statistics of a cache. A cache that is already reported is not counted twice. */
  add(cache: Cache, namespace: string): void;
  /** Keeps the counters of a closed cache and releases the cache. */
  closed(cache: Cache, namespace: string): void;
}

interface Counted {
  readonly live: Set<Cache>;
  readonly ended: Record<CounterName, number>;
}

const reports = new WeakMap<TelemetryMeter, MeterReport>();

/** Returns the reporter for a meter; all caches on the meter share one reporter. */
export function reportOn(meter: TelemetryMeter): MeterReport {
  const known = reports.get(meter);
  if (known !== undefined) return known;
  const report = createReport(meter);
  reports.set(meter, report);
  return report;
}

function createReport(meter: TelemetryMeter): MeterReport {
  const namespaces = new Map<string, Counted>();
  const of = (namespace: string): Counted => {
    const counted = namespaces.get(namespace) ?? { live: new Set(), ended: zeroCounters() };
    namespaces.set(namespace, counted);
    return counted;
  };
  for (const name of NAMES) {
    const counter = meter.createObservableCounter(`cache.${name}`, { description: COUNTERS[name] });
    counter.addCallback((result) => {
      for (const [namespace, { live, ended }] of namespaces) {
        let total = ended[name];
        for (const cache of live) total += cache.stats()[name];
        result.observe(total, { 'cache.namespace': namespace });
      }
    });
  }
  return {
    duration: meter.createHistogram('cache.operation.duration', {
      description: 'Time until Redis replies, by operation.',
      unit: 's',
    }),
    add: (cache, namespace) => void of(namespace).live.add(cache),
    closed: (cache, namespace) => {
      const { live, ended } = of(namespace);
      if (!live.delete(cache)) return;
      const statistics = cache.stats();
      for (const name of NAMES) ended[name] += statistics[name];
    },
  };
}

function zeroCounters(): Record<CounterName, number> {
  return Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<CounterName, number>;
}
