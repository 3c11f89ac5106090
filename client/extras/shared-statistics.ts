/**
 * Statistics of all processes: counters in Redis, `{namespace}:~stats:hits` and so on.
 *
 *   operations ─▶ counters of the cache ─timer, close─▶ difference since the last time ─▶ INCRBY ─▶ Redis
 *
 * An operation sends no command. A difference that could not be sent is included in the next flush. An INCRBY with an
 * unknown outcome is not repeated, so the totals are never too high; `uncertain` is the number of counts that may be
 * missing.
 *
 * @module shared-statistics
 */

import { CacheError, ClosedError } from '../api/errors.ts';
import type { Cache } from '../api/types.ts';
import { assertCache } from '../options/arguments.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { checkInteger } from '../options/option-values.ts';
import { namespaceOf } from './metrics/server.ts';

const COUNTERS = [
  'hits',
  'misses',
  'errors',
  'writes',
  'deletes',
  'purged',
  'loads',
] as const satisfies readonly Counter[];
/** Names of the counters. */
export type Counter = 'hits' | 'misses' | 'errors' | 'writes' | 'deletes' | 'purged' | 'loads';
/** Counters of all processes; `hitRatio` is null before the first read. */
export type SharedTotals = Readonly<Record<Counter, number>> & { readonly hitRatio: number | null };

/** Options for shared statistics. */
export interface SharedStatisticsOptions {
  /** Flush interval, in ms, 10 to 3600000; default 10000. */
  readonly flushMs?: number;
}

const SHARED = optionNames<SharedStatisticsOptions>({ flushMs: true });

/** Counters of all processes, in Redis. An operation sends no command. */
export class SharedStatistics {
  readonly #cache: Cache;
  readonly #sent: Record<Counter, number>;
  readonly #timer: NodeJS.Timeout;
  #uncertain = 0;
  #flushing: Promise<void> = Promise.resolve();
  #closed = false;

  /** Starts counting. */
  constructor(cache: Cache, options: SharedStatisticsOptions = {}) {
    assertCache(cache);
    assertOptions('', options, SHARED);
    const flushMs = checkInteger('flushMs', options.flushMs, 10_000, 10, 3_600_000);
    this.#cache = cache;
    const stats = cache.stats();
    this.#sent = Object.fromEntries(COUNTERS.map((name) => [name, stats[name]])) as Record<Counter, number>;
    this.#timer = setInterval(() => void this.flush(), flushMs);
    this.#timer.unref();
  }

  /** Number of counts from this process that might not have reached Redis. */
  get uncertain(): number {
    return this.#uncertain;
  }

  /** Returns the physical key of a counter. */
  key(counter: Counter): string {
    return `${namespaceOf(this.#cache)}:~stats:${counter}`;
  }

  /** Sends the differences since the last flush. Never rejects. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#send());
    return this.#flushing;
  }

  /** Returns the totals of all processes up to their last flush. @throws CacheError if Redis does not reply */
  async read(): Promise<SharedTotals> {
    const { connection } = this.#cache;
    // A memory cache is used only by this process, so its own counters are the totals.
    if (!connection) return totalsOf(this.#cache.stats());
    // Individual GETs instead of MGET, because the keys are in different slots of a cluster. They are sent together.
    const values = await Promise.all(COUNTERS.map((name) => connection.call('GET', this.key(name))));
    return totalsOf(
      Object.fromEntries(COUNTERS.map((name, i) => [name, Number(values[i] ?? 0)])) as Record<
        Counter,
        number
      >,
    );
  }

  /** Resets the counters of all processes. */
  async reset(): Promise<void> {
    await this.flush();
    const { connection } = this.#cache;
    await Promise.all(COUNTERS.map((name) => connection?.call('UNLINK', this.key(name))));
  }

  /** Stops the timer and sends the remaining differences. Must be called before the cache is closed. */
  async close(): Promise<void> {
    if (this.#closed) throw new ClosedError('The shared statistics are closed');
    this.#closed = true;
    clearInterval(this.#timer);
    await this.flush();
  }

  async #send(): Promise<void> {
    const { connection } = this.#cache;
    if (connection?.state.kind !== 'ready') return;
    const stats = this.#cache.stats();
    await Promise.all(
      COUNTERS.map(async (name) => {
        const added = stats[name] - this.#sent[name];
        if (added === 0) return;
        this.#sent[name] += added;
        try {
          await connection.call('INCRBY', this.key(name), added);
        } catch (error) {
          if (error instanceof CacheError && error.outcome === 'unknown') this.#uncertain += added;
          else this.#sent[name] -= added;
        }
      }),
    );
  }
}

function totalsOf(counters: Readonly<Record<Counter, number>>): SharedTotals {
  const { hits, misses } = counters;
  const picked = Object.fromEntries(COUNTERS.map((name) => [name, counters[name]])) as Record<
    Counter,
    number
  >;
  return { ...picked, hitRatio: hits + misses === 0 ? null : hits / (hits + misses) };
}
