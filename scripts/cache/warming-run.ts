/** Runs warming strategies on a cache and reports their progress. */
import { CacheWarmer, type WarmingReport } from '../../client/extras/warming/index.ts';
import { ConfigurationError } from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';
import type { CacheData } from './cache-data.ts';
import { alignColumns, countText } from './figures.ts';
import type { StrategySource } from './strategy-source.ts';

export interface WarmingRunOptions {
  readonly source: StrategySource;
  /** Name of the strategy to run; undefined to run all strategies that run on demand, in order of priority. */
  readonly strategy: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Result of a strategy, without the error object. */
export interface WarmedStrategy extends Omit<WarmingReport, 'error'> {
  readonly error: string | null;
}

export interface ListedStrategy {
  readonly name: string;
  readonly priority: number;
  readonly enabled: boolean;
  readonly onDemand: boolean;
  readonly schedule: string | null;
  readonly ttlSeconds: number | null;
  readonly tags: readonly string[];
}

/** Runs the strategies. @throws KitError `MODULE_INVALID`, `STRATEGY_INVALID` */
export async function runWarming(
  data: CacheData,
  { source, strategy, signal, progress }: WarmingRunOptions,
): Promise<readonly WarmedStrategy[]> {
  const cache = data.openCache();
  try {
    // Redis must be reachable before the application's generators run.
    await cache.ping();
    const warmer = await asStrategyError(
      source.where,
      async () => new CacheWarmer(cache, await source.load(cache)),
    );
    warmer.on((event) => {
      if (event.type === 'started') progress(`${event.strategy}: started`);
      if (event.type === 'progress')
        progress(`${event.strategy}: ${countText(event.warmed)} warmed${failures(event.failed)}`);
    });
    const stop = () => void warmer.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const reports = await asStrategyError(source.where, async () =>
        strategy === undefined ? await warmer.runAll() : [await warmer.run(strategy)],
      );
      signal.throwIfAborted();
      return reports.map(({ error, ...report }) => ({ ...report, error: error?.message ?? null }));
    } finally {
      signal.removeEventListener('abort', stop);
      await warmer.close();
    }
  } finally {
    await cache.close();
  }
}

/** Returns the strategies in order of priority, without running them. */
export async function listStrategies(
  data: CacheData,
  source: StrategySource,
): Promise<readonly ListedStrategy[]> {
  const cache = data.openCache();
  try {
    const warmer = await asStrategyError(
      source.where,
      async () => new CacheWarmer(cache, await source.load(cache)),
    );
    return warmer.strategies.map(({ name, priority, enabled, onDemand, schedule, ttlSeconds, tags }) => ({
      name,
      priority,
      enabled,
      onDemand,
      schedule: schedule ?? null,
      ttlSeconds,
      tags,
    }));
  } finally {
    await cache.close();
  }
}

export function warmedText(name: string, reports: readonly WarmedStrategy[]): string {
  const rows = reports.map(({ strategy, warmed, failed, ms, error }) => [
    strategy,
    `${countText(warmed)} warmed${failures(failed)}`,
    `${(ms / 1000).toFixed(1)} s`,
    error ?? '',
  ]);
  const total = reports.reduce((sum, { warmed }) => sum + warmed, 0);
  return [
    `${name}: entries warmed: ${countText(total)}, strategies: ${reports.length}`,
    ...alignColumns(rows),
  ].join('\n');
}

export function listedText(name: string, strategies: readonly ListedStrategy[]): string {
  const rows = strategies.map((one) => [
    one.name,
    `priority ${one.priority}`,
    one.ttlSeconds === null ? 'no expiry' : `TTL ${one.ttlSeconds} s`,
    one.schedule ?? 'no schedule',
    [...(one.enabled ? [] : ['disabled']), ...(one.onDemand ? [] : ['not on demand'])].join(', '),
  ]);
  return [`${name}: ${strategies.length} strategies`, ...alignColumns(rows)].join('\n');
}

function failures(failed: number): string {
  return failed === 0 ? '' : `, ${countText(failed)} failed`;
}

/** Reports an invalid strategy as an error in the module, not in the kit. */
async function asStrategyError<T>(where: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new KitError(error.message, {
      code: 'STRATEGY_INVALID',
      where,
      hint: 'run kit warm --list to see the strategies; docs/caching-guide.md describes them',
      cause: error,
    });
  }
}
