/**
 * Predictive warming: before an hour begins, refreshes the keys that were read during the same hour on previous days.
 *
 *   reads of the application ─observeReads─▶ AccessHistory ─before the hour─▶ expected keys ─▶ load ─▶ cache
 *
 * A key is not refreshed if its entry lives until the end of that hour. Only one process of an application should run
 * the strategy.
 */
import { ConfigurationError } from '../../api/errors.ts';
import type { Cache } from '../../api/types.ts';
import { assertCache, assertFunction } from '../../options/arguments.ts';
import { assertOptions, optionNames } from '../../options/option-names.ts';
import { checkInteger, checkNumber } from '../../options/option-values.ts';
import { observeCache } from '../observed.ts';
import { AccessHistory } from './access-history.ts';
import type { WarmEntry, WarmingStrategy } from './strategy.ts';

const HOUR_MS = 3_600_000;

/** Options for predictive warming, in addition to the options of a strategy. */
export interface PredictiveOptions extends Partial<Omit<WarmingStrategy, 'generate'>> {
  /** History of reads on previous days, per key and hour. */
  readonly history: AccessHistory;
  /** Loads the current value of a key. If it returns undefined, the key has no value and is skipped. */
  readonly load: (key: string, signal: AbortSignal) => unknown;
  /** Minimum number of reads expected for a key in the hour; default 1. */
  readonly minReads?: number;
  /**
   * Maximum number of keys that are refreshed per run; the keys with the most expected reads take precedence; default
   * 1000.
   */
  readonly maxKeys?: number;
  /**
   * Time between a run and the start of the hour, in minutes, 1 to 30; default 5. It determines the default of
   * `schedule`.
   */
  readonly leadMinutes?: number;
  /** Current Unix time in ms; default `Date.now`. */
  readonly now?: () => number;
}

const PREDICTIVE = optionNames<PredictiveOptions>({
  history: true,
  load: true,
  minReads: true,
  maxKeys: true,
  leadMinutes: true,
  now: true,
  name: true,
  priority: true,
  enabled: true,
  schedule: true,
  timezone: true,
  onStartup: true,
  onDemand: true,
  batchSize: true,
  delaySeconds: true,
  ttlSeconds: true,
  tags: true,
});

/**
 * Records the reads of a cache in the history. Returns a cache that counts its reads; reads that bypass the returned
 * cache are not counted.
 */
export function observeReads(cache: Cache, history: AccessHistory): Cache {
  assertCache(cache);
  assertHistory(history);
  return observeCache(cache, {
    observe: ({ hits, misses }) => {
      for (const key of hits) history.record(key);
      for (const key of misses) history.record(key);
    },
  });
}

/**
 * Returns a strategy that refreshes the keys that are expected to be read in the next hour. Its TTL (`ttlSeconds`,
 * default 3600) is the maximum age of a refreshed value, as for any entry.
 *
 * @param cache the warmer's cache, which is queried for the remaining TTL of entries
 * @throws ConfigurationError if an option is invalid
 */
export function predictiveStrategy(cache: Pick<Cache, 'ttl'>, options: PredictiveOptions): WarmingStrategy {
  assertOptions('', options, PREDICTIVE);
  const { history, load, minReads, maxKeys, leadMinutes, now = Date.now, ...strategy } = options;
  assertHistory(history);
  assertFunction('load', load);
  assertFunction('now', now);
  const lead = checkInteger('leadMinutes', leadMinutes, 5, 1, 30);
  const most = checkInteger('maxKeys', maxKeys, 1000, 1, 100_000);
  const least = checkNumber('minReads', minReads, 0, Number.MAX_VALUE) ?? 1;
  return {
    name: 'predictive',
    schedule: `${60 - lead} * * * *`,
    onStartup: false,
    ...strategy,
    generate: (signal) => refresh(cache, { history, load, least, most, now, lead }, signal),
  };
}

interface Refresh {
  readonly history: AccessHistory;
  readonly load: PredictiveOptions['load'];
  readonly least: number;
  readonly most: number;
  readonly now: () => number;
  readonly lead: number;
}

async function* refresh(
  cache: Pick<Cache, 'ttl'>,
  { history, load, least, most, now, lead }: Refresh,
  signal: AbortSignal,
): AsyncGenerator<WarmEntry> {
  let failure: { readonly error: unknown } | undefined;
  const attempt = async (key: string): Promise<unknown> => {
    try {
      return await load(key, signal);
    } catch (error) {
      failure ??= { error };
      return undefined;
    }
  };
  // A run on demand can start at any minute of an hour. It targets the next hour if that hour begins within the lead
  // time, and the current hour otherwise.
  const target = Math.floor((now() + lead * 60_000) / HOUR_MS) * HOUR_MS;
  for (const { key } of history.expected(target, least).slice(0, most)) {
    if (signal.aborted) return;
    const ttlSeconds = await cache.ttl(key);
    const endsInSeconds = (target + HOUR_MS - now()) / 1000;
    if (ttlSeconds === null || (ttlSeconds !== undefined && ttlSeconds >= endsInSeconds)) continue;
    const value = await attempt(key);
    if (value !== undefined) yield [key, value];
  }
  // A key that cannot be loaded does not prevent the others from being refreshed; the run still reports the error.
  if (failure !== undefined) throw failure.error;
}

function assertHistory(history: unknown): void {
  if (!(history instanceof AccessHistory))
    throw new ConfigurationError(`history: must be an AccessHistory, got ${typeof history}`);
}
