/**
 * Benchmark from requirements document 001, in the document's own terms. A cold query is one that the loader answered,
 * a hot query one that Redis answered, both in the cached phase; a query that the memory fallback answered is neither,
 * and is not counted. Totals are the sums of the callers' waits per phase (one caller, one query after the other).
 *
 * The document calls the share of time saved "throughput improvement": 79 % less time is 4.76 times the throughput, so
 * both are given. Percentiles are nearest-rank over all queries of the cached phase, cold ones included.
 */

import type { OperationList } from '../history/events.ts';
import { summarize } from '../statistics/quantile.ts';
import type { Checker, Figure } from './checker.ts';
import {
  definedFigures,
  operationsOf,
  servedByRedis,
  unknownResult,
  valueFigure,
} from './history-queries.ts';

export const benchmark: Checker = {
  id: 'benchmark',
  proves: 'figures of requirements document 001: cold and hot latency, savings, percentiles',
  check(history, context) {
    const queries = operationsOf(history, context.client).filter(
      (query) => query.invoke.kind === 'getOrCompute' && query.outcome === 'ok' && servedByRedis(query),
    );
    const cached = queries.filter(({ invoke }) => invoke.phase === 'cached');
    if (cached.length === 0) return unknownResult('no query of a cached phase');
    const cold = averageMs(cached.filter((query) => query.completion?.source === 'loader'));
    const hot = averageMs(cached.filter((query) => query.completion?.source === 'redis'));
    const without = totalMs(queries.filter(({ invoke }) => invoke.phase === 'uncached'));
    const withCache = totalMs(cached);
    const n = cached.length;
    const ratio = (amount: number | undefined) =>
      amount === undefined ? undefined : valueFigure(amount, 'ratio', n);
    const ms = (amount: number | undefined) =>
      amount === undefined ? undefined : valueFigure(amount, 'ms', n);
    const distribution = summarize(cached.map((query) => query.latencyMs ?? 0));
    const figures: Record<string, Figure | undefined> = {
      coldMs: ms(cold),
      hotMs: ms(hot),
      latencyReduction: ratio(cold !== undefined && hot !== undefined ? 1 - hot / cold : undefined),
      totalWithoutMs: ms(without),
      totalWithMs: ms(withCache),
      timeSaved: ratio(
        without === undefined || withCache === undefined ? undefined : 1 - withCache / without,
      ),
      throughputFactor: ratio(
        without === undefined || withCache === undefined ? undefined : without / withCache,
      ),
      averageMs: ms(distribution?.mean),
      p95Ms: ms(distribution?.p95),
      p99Ms: ms(distribution?.p99),
      catalogue: valueFigure(new Set(cached.map(({ keyNumber }) => keyNumber)).size, 'keys', n),
      queries: valueFigure(n, 'queries', n),
    };
    return { validity: 'valid', reasons: [], figures: definedFigures(figures) };
  },
};

function totalMs(queries: OperationList): number | undefined {
  return queries.length === 0 ? undefined : queries.reduce((sum, query) => sum + (query.latencyMs ?? 0), 0);
}

function averageMs(queries: OperationList): number | undefined {
  const total = totalMs(queries);
  return total === undefined ? undefined : total / queries.length;
}
