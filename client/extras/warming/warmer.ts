/**
 * Warming: loads entries before they are requested.
 *
 *   start, schedule or demand ─▶ strategies by priority ─▶ generate ─▶ batches ─▶ cache
 *
 * A strategy has one run at a time; a second request joins the current run. If a generator fails, only its own run
 * ends. A value that was stored only in the memory fallback counts as failed.
 */

import { ClosedError, ConfigurationError } from '../../api/errors.ts';
import { Emitter } from '../../api/events.ts';
import type { MetricFamily } from '../../api/metrics.ts';
import type { Cache } from '../../api/types.ts';
import { inBatches } from '../../cache/batches.ts';
import { labelsOf } from '../../cache/exposition.ts';
import { assertCache } from '../../options/arguments.ts';
import { checkList } from '../../options/option-values.ts';
import { delay, now } from '../../transport/timing.ts';
import { runOnSchedule, type Schedule } from './schedule.ts';
import { type ResolvedStrategy, resolveStrategy, type WarmEntry, type WarmingStrategy } from './strategy.ts';

/** Result of one run of a strategy: numbers of warmed and failed entries, duration in ms. */
export interface WarmingReport {
  readonly strategy: string;
  readonly warmed: number;
  readonly failed: number;
  readonly ms: number;
  /** Error of the generator, or the first error of a batch. */
  readonly error?: Error;
}

/** Progress of a run: after each batch, and at the end. */
export type WarmingEvent =
  | { readonly type: 'started'; readonly strategy: string }
  | { readonly type: 'progress'; readonly strategy: string; readonly warmed: number; readonly failed: number }
  | ({ readonly type: 'finished' } & WarmingReport);

/** Totals over all runs of a strategy: numbers of warmed and failed entries, duration in ms. */
export interface WarmingStatistics {
  readonly strategy: string;
  readonly runs: number;
  readonly warmed: number;
  readonly failed: number;
  /** Ratio of runs without a failure to all runs. */
  readonly successRatio: number | null;
  readonly totalMs: number;
  readonly last: WarmingReport | undefined;
}

interface RunRecord {
  runs: number;
  successes: number;
  warmed: number;
  failed: number;
  totalMs: number;
  last: WarmingReport | undefined;
}

/** Runs strategies at startup, on schedules and on demand. */
export class CacheWarmer {
  readonly #cache: Cache;
  readonly #strategies = new Map<string, ResolvedStrategy>();
  readonly #records = new Map<string, RunRecord>();
  readonly #running = new Map<string, Promise<WarmingReport>>();
  readonly #schedules = new Map<string, Schedule>();
  readonly #events = new Emitter<WarmingEvent>();
  readonly #ended = new AbortController();
  #started = false;

  constructor(cache: Cache, strategies: readonly WarmingStrategy[] = []) {
    assertCache(cache);
    this.#cache = cache;
    for (const strategy of checkList('strategies', strategies) ?? []) this.#add(strategy);
  }

  /** Strategies by priority, then in the order of registration. */
  get strategies(): readonly ResolvedStrategy[] {
    return [...this.#strategies.values()].sort((a, b) => a.priority - b.priority);
  }

  /**
   * Registers a strategy, replacing any strategy with the same name. If `start` has been called, the new schedule
   * begins at once.
   */
  async register(strategy: WarmingStrategy): Promise<void> {
    this.#assertOpen();
    const { name } = this.#add(strategy);
    this.#schedules.get(name)?.stop();
    this.#schedules.delete(name);
    if (this.#started) await this.#schedule(name);
  }

  /** Removes a strategy. Returns false if no strategy has this name. A run in progress continues. */
  remove(name: string): boolean {
    this.#schedules.get(name)?.stop();
    this.#schedules.delete(name);
    return this.#strategies.delete(name);
  }

  /** Starts the schedules, and runs the startup strategies one after the other by priority. */
  async start(): Promise<readonly WarmingReport[]> {
    this.#assertOpen();
    this.#started = true;
    for (const { name } of this.strategies) await this.#schedule(name);
    return this.#runAll(({ onStartup }) => onStartup);
  }

  /** Runs one strategy now. @throws ConfigurationError if it is unknown, disabled or not available on demand */
  async run(name: string): Promise<WarmingReport> {
    this.#assertOpen();
    const strategy = this.#strategies.get(name);
    if (!strategy) throw new ConfigurationError(`strategy: ${JSON.stringify(name)} is not registered`);
    if (!strategy.enabled || !strategy.onDemand)
      throw new ConfigurationError(
        `strategy ${name}: ${strategy.enabled ? 'does not run on demand' : 'is disabled'}`,
      );
    return this.#run(strategy);
  }

  /** Runs all on-demand strategies by priority. */
  async runAll(): Promise<readonly WarmingReport[]> {
    this.#assertOpen();
    return this.#runAll(({ onDemand }) => onDemand);
  }

  /** Returns the counters for each strategy. */
  stats(): readonly WarmingStatistics[] {
    return [...this.#records].map(([strategy, { successes, ...record }]) => ({
      strategy,
      ...record,
      successRatio: record.runs === 0 ? null : successes / record.runs,
    }));
  }

  /** Returns the warming metrics, for `collectMetrics` and `registerMetrics`. */
  families(): readonly MetricFamily[] {
    const family = (
      name: string,
      type: MetricFamily['type'],
      help: string,
      value: (record: RunRecord) => number,
    ): MetricFamily => ({
      name: `cache_redis_warming_${name}`,
      type,
      help,
      samples: [...this.#records].map(([strategy, record]) => ({
        labels: labelsOf({ strategy }),
        value: value(record),
      })),
    });
    return [
      family('seconds_total', 'counter', 'Time spent on warming.', ({ totalMs }) => totalMs / 1000),
      family('last_seconds', 'gauge', 'Duration of the last run.', ({ last }) => (last?.ms ?? 0) / 1000),
      family('runs_total', 'counter', 'Runs of the strategy.', ({ runs }) => runs),
      family('entries_total', 'counter', 'Entries warmed.', ({ warmed }) => warmed),
      family('failures_total', 'counter', 'Entries and generators that failed.', ({ failed }) => failed),
    ];
  }

  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: WarmingEvent) => void): () => void {
    return this.#events.on(listener);
  }

  /** Stops schedules and runs, and waits for batches that are being written. Does not close the cache. */
  async close(): Promise<void> {
    this.#ended.abort();
    for (const schedule of this.#schedules.values()) schedule.stop();
    await Promise.all(this.#running.values());
  }

  #add(strategy: WarmingStrategy): ResolvedStrategy {
    const resolved = resolveStrategy(strategy);
    this.#strategies.set(resolved.name, resolved);
    return resolved;
  }

  async #schedule(name: string): Promise<void> {
    const strategy = this.#strategies.get(name);
    if (!strategy?.enabled || strategy.schedule === undefined || this.#schedules.has(name)) return;
    const schedule = await runOnSchedule(strategy, () => void this.#run(strategy));
    // In the meantime, the warmer may have been closed or the strategy registered again.
    if (this.#ended.signal.aborted || this.#strategies.get(name) !== strategy || this.#schedules.has(name))
      schedule.stop();
    else this.#schedules.set(name, schedule);
  }

  async #runAll(which: (strategy: ResolvedStrategy) => boolean): Promise<readonly WarmingReport[]> {
    const reports: WarmingReport[] = [];
    for (const strategy of this.strategies) {
      if (this.#ended.signal.aborted) break;
      if (strategy.enabled && which(strategy)) reports.push(await this.#run(strategy));
    }
    return reports;
  }

  /** Runs a strategy. Never rejects; the report contains the error. */
  #run(strategy: ResolvedStrategy): Promise<WarmingReport> {
    const running = this.#running.get(strategy.name);
    if (running) return running;
    const run = this.#warm(strategy).finally(() => this.#running.delete(strategy.name));
    this.#running.set(strategy.name, run);
    return run;
  }

  async #warm(strategy: ResolvedStrategy): Promise<WarmingReport> {
    const startedAt = now();
    const { name } = strategy;
    const { signal } = this.#ended;
    const tally = { warmed: 0, failed: 0, error: undefined as Error | undefined };
    this.#events.emit({ type: 'started', strategy: name });
    try {
      let first = true;
      for await (const batch of batchesOf(await strategy.generate(signal), strategy.batchSize)) {
        if (!first) await delay(strategy.delaySeconds * 1000, signal);
        if (signal.aborted) break;
        first = false;
        await this.#write(strategy, batch, tally);
        this.#events.emit({ type: 'progress', strategy: name, warmed: tally.warmed, failed: tally.failed });
      }
    } catch (error) {
      tally.failed += 1;
      tally.error ??= asError(error);
    }
    const report: WarmingReport = {
      strategy: name,
      warmed: tally.warmed,
      failed: tally.failed,
      ms: now() - startedAt,
      ...(tally.error && { error: tally.error }),
    };
    this.#note(report);
    this.#events.emit({ type: 'finished', ...report });
    return report;
  }

  async #write(
    { ttlSeconds, tags }: ResolvedStrategy,
    batch: readonly WarmEntry[],
    tally: { warmed: number; failed: number; error: Error | undefined },
  ): Promise<void> {
    const options = { ttlSeconds, ...(tags.length > 0 && { tags }) };
    const write = async ([key, value]: WarmEntry): Promise<void> => {
      if (typeof value === 'function') {
        await this.#cache.getOrCompute(key, value as () => unknown, options);
        return;
      }
      const { source } = await this.#cache.set(key, value, options);
      if (source === 'memory' && this.#cache.connection)
        throw new Error(`${key}: Redis is unreachable, so only this process has the value`);
    };
    await inBatches(
      batch,
      (entries) => Promise.allSettled(entries.map(write)),
      (results) => {
        for (const result of results) {
          if (result.status === 'fulfilled') tally.warmed += 1;
          else {
            tally.failed += 1;
            tally.error ??= asError(result.reason);
          }
        }
      },
    );
  }

  #note(report: WarmingReport): void {
    const before = this.#records.get(report.strategy);
    const record = before ?? { runs: 0, successes: 0, warmed: 0, failed: 0, totalMs: 0, last: undefined };
    record.runs += 1;
    if (report.failed === 0) record.successes += 1;
    record.warmed += report.warmed;
    record.failed += report.failed;
    record.totalMs += report.ms;
    record.last = report;
    this.#records.set(report.strategy, record);
  }

  #assertOpen(): void {
    if (this.#ended.signal.aborted) throw new ClosedError('The warmer is closed');
  }
}

async function* batchesOf(entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>, size: number) {
  let batch: WarmEntry[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const entry of entries) {
      batch.push(entry);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    failure = { error };
  }
  // Entries that were generated before the error are still written.
  if (batch.length > 0) yield batch;
  if (failure !== undefined) throw failure.error;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
