/**
 * History of reads by hour, and the reads that it predicts for an upcoming hour.
 *
 *   record(key) ─▶ counts of the current hour ─hour ends─▶ its most read keys, kept for some days
 *   expected(hour) ─▶ per key: weighted mean of the same hour of the past days
 *
 * Yesterday has weight 1, and each earlier day has 20 % less weight than the day after it; the same day of an earlier
 * week also has weight 1. Days that were not observed are skipped. Hours are in UTC.
 *
 * Memory: about 120 bytes per key and hour; with the defaults at most 40 MB (7 days x 24 hours x 2000 keys).
 */
import { ConfigurationError } from '../../api/errors.ts';
import { assertOptions, optionNames } from '../../options/option-names.ts';
import { checkInteger } from '../../options/option-values.ts';

const HOUR_MS = 3_600_000;
const HOURS_PER_DAY = 24;
const WEEK_DAYS = 7;
/** Weight of a day relative to the day after it. */
const DECAY = 0.8;
/**
 * Maximum number of keys counted in the current hour, as a multiple of the number of keys kept per hour. The surplus
 * ensures that a key that is first read late in the hour is not missed. A key that is dropped loses the reads counted
 * so far.
 */
const OPEN_FACTOR = 4;

/** Limits for a history. */
export interface AccessHistoryOptions {
  /** Number of days that are kept, 1 to 35; default 7. */
  readonly days?: number;
  /** Number of most-read keys that are kept per hour, 1 to 100000; default 2000. */
  readonly keysPerHour?: number;
}

/** Key, with the number of reads expected in the hour. */
export interface ExpectedKey {
  readonly key: string;
  readonly reads: number;
}

/** History as plain data, to be stored in a file: the counts per key for each hour, with hours numbered since 1970. */
export interface StoredAccessHistory {
  readonly version: 1;
  readonly hours: readonly (readonly [
    hour: number,
    counts: readonly (readonly [key: string, reads: number])[],
  ])[];
}

const OPTIONS = optionNames<AccessHistoryOptions>({ days: true, keysPerHour: true });

/** Counts reads by key and hour, and predicts the reads of an upcoming hour. */
export class AccessHistory {
  readonly #days: number;
  readonly #keysPerHour: number;
  /** Counts per hour, with hours numbered since 1970; the latest hour is the current one. */
  readonly #hours = new Map<number, Map<string, number>>();
  #open = -1;

  constructor(options: AccessHistoryOptions = {}) {
    assertOptions('', options, OPTIONS);
    this.#days = checkInteger('days', options.days, 7, 1, 35);
    this.#keysPerHour = checkInteger('keysPerHour', options.keysPerHour, 2000, 1, 100_000);
  }

  /** Counts a read. @param atMs Unix time in ms; the read is ignored if its hour is before the latest hour */
  record(key: string, atMs: number = Date.now()): void {
    const hour = Math.floor(atMs / HOUR_MS);
    if (hour < this.#open) return;
    if (hour > this.#open) this.#begin(hour);
    const counts = this.#hours.get(hour);
    if (counts === undefined) return;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (counts.size > OPEN_FACTOR * this.#keysPerHour) this.#shorten(hour, counts);
  }

  /**
   * Returns the keys expected to be read in the hour that contains `atMs`, in descending order of expected reads. The
   * list is empty before the first day is complete.
   *
   * @param atMs Unix time in ms, at any time within the hour
   * @param minReads minimum number of expected reads per key; default 1
   */
  expected(atMs: number, minReads = 1): readonly ExpectedKey[] {
    const hour = Math.floor(atMs / HOUR_MS);
    const sums = new Map<string, number>();
    let total = 0;
    for (let day = 1; day <= this.#days; day += 1) {
      const counts = this.#hours.get(hour - day * HOURS_PER_DAY);
      if (counts === undefined) continue;
      const weight = day % WEEK_DAYS === 0 ? 1 : DECAY ** (day - 1);
      total += weight;
      for (const [key, reads] of counts) sums.set(key, (sums.get(key) ?? 0) + weight * reads);
    }
    return [...sums]
      .map(([key, sum]) => ({ key, reads: sum / total }))
      .filter(({ reads }) => reads >= minReads)
      .sort((a, b) => b.reads - a.reads);
  }

  /** Returns the history as plain data, so that it can survive a restart. */
  toJSON(): StoredAccessHistory {
    return { version: 1, hours: [...this.#hours].map(([hour, counts]) => [hour, [...counts]]) };
  }

  /**
   * Restores a history from plain data.
   *
   * @throws ConfigurationError if the data is not a stored history
   */
  static from(stored: StoredAccessHistory, options: AccessHistoryOptions = {}): AccessHistory {
    const history = new AccessHistory(options);
    if (Object(stored).version !== 1 || !Array.isArray(stored.hours))
      throw new ConfigurationError('stored: must be the result of toJSON(), version 1');
    for (const [hour, counts] of [...stored.hours].sort(([a], [b]) => a - b)) {
      history.#begin(hour);
      history.#hours.set(hour, new Map(counts));
    }
    return history;
  }

  #begin(hour: number): void {
    const ended = this.#hours.get(this.#open);
    if (ended !== undefined) this.#shorten(this.#open, ended);
    this.#open = hour;
    this.#hours.set(hour, new Map());
    const oldest = hour - this.#days * HOURS_PER_DAY;
    for (const known of this.#hours.keys()) if (known < oldest) this.#hours.delete(known);
  }

  /** Keeps the keys with the most reads. */
  #shorten(hour: number, counts: ReadonlyMap<string, number>): void {
    if (counts.size <= this.#keysPerHour) return;
    const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, this.#keysPerHour);
    this.#hours.set(hour, new Map(most));
  }
}
