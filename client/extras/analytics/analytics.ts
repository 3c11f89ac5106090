/**
 * Measures the value of a cache: hits per domain or model, size over time, an alert on a low hit ratio, and savings.
 *
 *   reads, loads ─▶ groups ─sample─▶ window (alert), trend ─▶ report
 *
 * Use `analytics.cache`: operations on the original cache are not counted. Counters are per process.
 */

import { Emitter } from '../../api/events.ts';
import type { Cache } from '../../api/types.ts';
import { assertCache, assertFunction } from '../../options/arguments.ts';
import { assertOptions, optionNames } from '../../options/option-names.ts';
import { checkInteger, checkNumber as numberOption } from '../../options/option-values.ts';
import { now } from '../../transport/timing.ts';
import { observeCache } from '../observed.ts';
import { askInfo, numberOf } from '../redis-info.ts';
import { estimateSavings, type Savings } from './savings.ts';

/** Options for sampling and alerts. */
export interface AnalyticsOptions {
  /** Returns the group of a key; default: its domain (`v1:natal:3f…` is in `natal`). */
  readonly groupOf?: (key: string) => string;
  /** Sampling interval, in ms; default 60000. */
  readonly sampleMs?: number;
  /** Number of samples kept for the trend; default 1440. */
  readonly samplesMax?: number;
  /** An alert is emitted if the hit ratio within one interval is below this value; default 0.5. */
  readonly alertBelow?: number;
  /** Minimum number of reads within one interval before an alert can be emitted; default 100. */
  readonly minReads?: number;
  /** Assumed duration of a load, in ms; default: measured. */
  readonly loadMs?: number;
  /** Price of one load, in any currency. */
  readonly costPerCall?: number;
}

const ANALYTICS = optionNames<AnalyticsOptions>({
  groupOf: true,
  sampleMs: true,
  samplesMax: true,
  alertBelow: true,
  minReads: true,
  loadMs: true,
  costPerCall: true,
});

/** Counters for all keys in one group. */
export interface GroupReport {
  readonly group: string;
  readonly hits: number;
  readonly misses: number;
  /** Hit ratio; null before the first read. */
  readonly hitRatio: number | null;
  readonly loads: number;
  /** Mean duration of a load in ms; null before the first load. */
  readonly loadMs: number | null;
}

/** Size of the database at one point in time. */
export interface SizeSample {
  /** Unix time in ms. */
  readonly at: number;
  /** Number of keys in the database (all namespaces); null without permission. */
  readonly keys: number | null;
  /** Memory that Redis uses, in bytes; null without permission. */
  readonly usedBytes: number | null;
}

/** Results since the analytics were created. */
export interface AnalyticsReport {
  readonly total: GroupReport;
  /** Groups by number of reads, descending. */
  readonly groups: readonly GroupReport[];
  readonly size: {
    readonly samples: readonly SizeSample[];
    /**
     * Hourly change in the number of keys, from a least-squares fit to the samples; null with fewer than two samples.
     */
    readonly keysPerHour: number | null;
    readonly bytesPerHour: number | null;
  };
  /** Savings so far. Each hit saves one call and the duration of one load. */
  readonly saved: {
    readonly calls: number;
    readonly computeHours: number;
    readonly cost: number | null;
    readonly arithmetic: string;
  };
  /** Savings extrapolated to a year; null before the first read. */
  readonly perYear: Savings | null;
}

/** Events: the hit ratio has fallen below `alertBelow`, or has recovered. */
export type AnalyticsEvent =
  | {
      readonly type: 'low-hit-ratio';
      readonly hitRatio: number;
      readonly reads: number;
      readonly alertBelow: number;
    }
  | { readonly type: 'hit-ratio-recovered'; readonly hitRatio: number; readonly reads: number };

interface Group {
  hits: number;
  misses: number;
  loads: number;
  totalLoadMs: number;
}

const MS_PER_HOUR = 3_600_000;
/** Maximum number of groups; keys in any additional group are counted as `other`. */
const GROUPS_MAX = 1000;

/**
 * Measures the value of a cache. Use `analytics.cache` instead of the original cache, whose operations are not counted.
 */
export class CacheAnalytics {
  /** The cache, with its operations counted. */
  readonly cache: Cache;
  readonly #options: Required<Omit<AnalyticsOptions, 'loadMs' | 'costPerCall'>> & AnalyticsOptions;
  readonly #groups = new Map<string, Group>();
  readonly #samples: SizeSample[] = [];
  readonly #events = new Emitter<AnalyticsEvent>();
  readonly #timer: NodeJS.Timeout;
  /** Start of the observation, on the monotonic clock. */
  readonly #startedAt = now();
  #before = { hits: 0, misses: 0 };
  #low = false;

  constructor(cache: Cache, options: AnalyticsOptions = {}) {
    assertCache(cache);
    assertOptions('', options, ANALYTICS);
    const whole = (name: 'sampleMs' | 'samplesMax' | 'minReads', fallback: number): number =>
      checkInteger(name, options[name], fallback, 1, 2 ** 31 - 1);
    if (options.groupOf !== undefined) assertFunction('groupOf', options.groupOf);
    // These two options are only checked here, because they have no default.
    numberOption('loadMs', options.loadMs, 0, Number.MAX_VALUE);
    numberOption('costPerCall', options.costPerCall, 0, Number.MAX_VALUE);
    this.#options = {
      ...options,
      groupOf: options.groupOf ?? domainOf,
      sampleMs: whole('sampleMs', 60_000),
      samplesMax: whole('samplesMax', 1440),
      alertBelow: numberOption('alertBelow', options.alertBelow, 0, 1) ?? 0.5,
      minReads: whole('minReads', 100),
    };
    this.cache = observeCache(cache, {
      observe: ({ hits, misses }) => {
        for (const key of hits) this.#group(key).hits += 1;
        for (const key of misses) this.#group(key).misses += 1;
      },
      loaded: (key, ms) => {
        const group = this.#group(key);
        group.loads += 1;
        group.totalLoadMs += ms;
      },
    });
    this.#timer = setInterval(() => void this.sample(), this.#options.sampleMs);
    this.#timer.unref();
  }

  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: AnalyticsEvent) => void): () => void {
    return this.#events.on(listener);
  }

  /** Samples the size, and evaluates the reads since the last sample. Called every `sampleMs`. Never rejects. */
  async sample(): Promise<SizeSample> {
    this.#judge();
    const { connection } = this.cache;
    const info = connection ? await askInfo(connection, 'INFO').catch(() => 'denied' as const) : 'denied';
    const keys = await connection?.call('DBSIZE').then(Number, () => null);
    const sample: SizeSample = {
      at: Date.now(),
      keys: keys ?? null,
      usedBytes: info === 'denied' ? null : (numberOf(info, 'used_memory') ?? null),
    };
    this.#samples.push(sample);
    if (this.#samples.length > this.#options.samplesMax) this.#samples.shift();
    return sample;
  }

  /** Returns the counters. Sends no command. */
  report(): AnalyticsReport {
    const groups = [...this.#groups].map(([name, group]) => reportOf(name, group));
    const total = reportOf('total', this.#total());
    const { costPerCall } = this.#options;
    const savedMsPerHit = this.#options.loadMs ?? total.loadMs ?? 0;
    const computeHours = (total.hits * savedMsPerHit) / MS_PER_HOUR;
    const hours = Math.max(1, now() - this.#startedAt) / MS_PER_HOUR;
    const reads = total.hits + total.misses;
    return {
      total,
      groups: groups.sort((a, b) => b.hits + b.misses - a.hits - a.misses),
      size: {
        samples: [...this.#samples],
        keysPerHour: slopeOf(this.#samples, ({ keys }) => keys),
        bytesPerHour: slopeOf(this.#samples, ({ usedBytes }) => usedBytes),
      },
      saved: {
        calls: total.hits,
        computeHours,
        cost: costPerCall === undefined ? null : total.hits * costPerCall,
        arithmetic: `${total.hits} hits x ${savedMsPerHit} ms / ${MS_PER_HOUR} ms/h = ${computeHours} compute hours`,
      },
      perYear:
        total.hitRatio === null
          ? null
          : estimateSavings({
              queriesPerHour: reads / hours,
              hitRatio: total.hitRatio,
              savedMsPerHit,
              ...(costPerCall !== undefined && { costPerCall }),
            }),
    };
  }

  /** Stops sampling. Does not close the cache. */
  close(): void {
    clearInterval(this.#timer);
  }

  #judge(): void {
    const { hits, misses } = this.#total();
    const reads = hits + misses - this.#before.hits - this.#before.misses;
    if (reads < this.#options.minReads) return;
    const hitRatio = (hits - this.#before.hits) / reads;
    this.#before = { hits, misses };
    const { alertBelow } = this.#options;
    const low = hitRatio < alertBelow;
    if (low && !this.#low) this.#events.emit({ type: 'low-hit-ratio', hitRatio, reads, alertBelow });
    if (!low && this.#low) this.#events.emit({ type: 'hit-ratio-recovered', hitRatio, reads });
    this.#low = low;
  }

  #group(key: string): Group {
    const named = this.#options.groupOf(key);
    const name = this.#groups.has(named) || this.#groups.size < GROUPS_MAX ? named : 'other';
    let group = this.#groups.get(name);
    if (!group) {
      group = { hits: 0, misses: 0, loads: 0, totalLoadMs: 0 };
      this.#groups.set(name, group);
    }
    return group;
  }

  #total(): Group {
    const total: Group = { hits: 0, misses: 0, loads: 0, totalLoadMs: 0 };
    for (const group of this.#groups.values()) {
      total.hits += group.hits;
      total.misses += group.misses;
      total.loads += group.loads;
      total.totalLoadMs += group.totalLoadMs;
    }
    return total;
  }
}

/** Returns the domain of a key: `natal` for `v1:natal:3f…`, `v1.9c2e11aa:natal:3f…` and `natal:42`. */
export function domainOf(key: string): string {
  const [first = '', second] = key.split(':', 2);
  return second !== undefined && /^v\d+(\.[0-9a-f]{8})?$/.test(first) ? second : first;
}

function reportOf(group: string, { hits, misses, loads, totalLoadMs }: Group): GroupReport {
  return {
    group,
    hits,
    misses,
    hitRatio: hits + misses === 0 ? null : hits / (hits + misses),
    loads,
    loadMs: loads === 0 ? null : totalLoadMs / loads,
  };
}

/** Returns the hourly change, from a least-squares fit to the samples that have a value. */
function slopeOf(
  samples: readonly SizeSample[],
  figure: (sample: SizeSample) => number | null,
): number | null {
  const points = samples.flatMap((sample) => {
    const y = figure(sample);
    return y === null ? [] : [{ x: sample.at / MS_PER_HOUR, y }];
  });
  if (points.length < 2) return null;
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  return spread === 0 ? null : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
}
