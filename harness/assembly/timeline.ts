/**
 * Bins of a trial for the plots: outcomes and latency by the intended time of operations, hits and misses by the time
 * at which reads completed.
 */

import { lastUs, operationsOf, US_PER_MS, wasSent } from '../checkers/history-queries.ts';
import { readsOf } from '../checkers/hit-ratio.ts';
import type { History, Operation } from '../history/events.ts';
import type { TimelineBin } from '../reports/report.ts';
import { quantileOf, smallestOf, sortedSamples } from '../statistics/quantile.ts';

/**
 * Widths of bins. The smallest width that keeps a plot below `MAX_BINS` bins is used; if none does, a multiple of one
 * minute.
 */
const WIDTHS_MS = [250, 500, 1_000, 2_500, 5_000, 10_000] as const;
const MINUTE_MS = 60_000;
const MAX_BINS = 120;

/**
 * Returns the origin of the trial's time axis: the intended start of the first operation, or the first event if there
 * is no operation.
 */
export function originUs(history: History): number {
  const first = history.operations.at(0)?.invoke.intendedUs;
  if (first !== undefined) return first;
  const seen = [...history.faults, ...history.observations, ...history.expectations].map(({ atUs }) => atUs);
  return seen.length > 0 ? smallestOf(seen) : 0;
}

/** Returns the width of a bin, chosen so that a trial of any length has about `MAX_BINS` bins. */
export function binWidthMs(history: History): number {
  const lastsMs = (lastUs(history) - originUs(history)) / US_PER_MS;
  const width = WIDTHS_MS.find((each) => lastsMs / each <= MAX_BINS);
  return width ?? Math.ceil(lastsMs / MAX_BINS / MINUTE_MS) * MINUTE_MS;
}

/** Returns the bins of one client, without gaps, from the origin to the client's last operation. */
export function assembleTimeline(history: History, client: string, binMs: number): readonly TimelineBin[] {
  const from = originUs(history);
  const indexOf = (atUs: number) => Math.max(0, Math.floor((atUs - from) / US_PER_MS / binMs));
  const bins: Bin[] = [];
  const binAt = (index: number) => {
    while (bins.length <= index) {
      bins.push({ outcomes: { ok: 0, fail: 0, info: 0 }, latenciesMs: [], hits: 0, misses: 0 });
    }
    return bins[index] as Bin;
  };
  for (const operation of operationsOf(history, client)) {
    const { invoke, completion, outcome, latencyMs } = operation;
    const intended = binAt(indexOf(invoke.intendedUs));
    intended.outcomes[outcome]++;
    if (latencyMs !== undefined && wasSent(operation)) intended.latenciesMs.push(latencyMs);
    if (outcome !== 'ok' || completion === undefined) continue;
    const { hits, reads } = readsOf(operation);
    const bin = binAt(indexOf(completion.atUs));
    bin.hits += hits;
    bin.misses += reads - hits;
  }
  return bins.map(({ outcomes: { ok, fail, info }, latenciesMs, hits, misses }, index) => ({
    tMs: index * binMs,
    ...{ ok, failed: fail, info },
    ...latencyPercentiles(latenciesMs),
    hits,
    misses,
  }));
}

interface Bin {
  readonly outcomes: Record<Operation['outcome'], number>;
  readonly latenciesMs: number[];
  hits: number;
  misses: number;
}

function latencyPercentiles(latenciesMs: readonly number[]): Pick<TimelineBin, 'p50Ms' | 'p99Ms'> {
  const sorted = sortedSamples(latenciesMs);
  if (sorted.length === 0) return { p50Ms: null, p99Ms: null };
  return { p50Ms: quantileOf(sorted, 0.5), p99Ms: quantileOf(sorted, 0.99) };
}
