/**
 * Figures for the trials of a pool, across runs. Pure: check results in, rows out.
 *
 * Bounds assume no distribution: they use order statistics for a time, and Clopper-Pearson for the share of trials
 * without a lost write, a double apply or a dead client. Trials on a busy machine are excluded from times, but never
 * from counts.
 */
import type { MachineBounds } from '../../../config/gates.ts';
import type { CheckResult } from '../../checkers/checker.ts';
import { incompleteUnsoundness } from '../../gates/soundness.ts';
import { proportionLowerBound, quantileUpperBound } from '../../statistics/bounds.ts';
import { medianOf, sortAscending } from '../../statistics/quantile.ts';

const CONFIDENCE = 0.95;

const TIMES = [
  ['recovery', 'writeGapMs'],
  ['recovery', 'recoveryMs'],
] as const;

const COUNTS = [
  ['lost-writes', 'durableLost', 'writes'],
  ['lost-writes', 'lost', 'writes'],
  ['stale-acks', 'staleAcknowledged', 'operations'],
  ['double-applies', 'doubleApplied', 'operations'],
  ['liveness', 'deadClients', 'clients'],
] as const;

export interface PooledTrial {
  readonly drill: string;
  readonly results: readonly CheckResult[];
  /** Machine bounds from the gates of the trial's run. */
  readonly machine: MachineBounds;
}

interface Row {
  readonly drill: string;
  readonly client: string;
  readonly figure: string;
  readonly unit: string;
  /** Number of trials that have the figure. */
  readonly n: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface TimeRow extends Row {
  /** Number of trials that were left out because the machine was busy. */
  readonly leftOut: number;
  /**
   * Number of trials in which the timed event never happened. The time of such a trial counts as longer than every
   * bound.
   */
  readonly never: number;
  /**
   * Upper bounds on the median and on the 95th percentile over all trials; null if there are too few trials, or too
   * many trials without a time.
   */
  readonly medianAtMost: number | null;
  readonly p95AtMost: number | null;
}

export interface CountRow extends Row {
  /** Number of trials in which the count is 0. */
  readonly without: number;
  /** Lower bound on the share of trials whose count is 0. */
  readonly shareAtLeast: number;
}

export interface PooledFigures {
  readonly times: readonly TimeRow[];
  readonly counts: readonly CountRow[];
}

export function poolFigures(trials: readonly PooledTrial[]): PooledFigures {
  const groups = [...Map.groupBy(trials, ({ drill }) => drill)].flatMap(([drill, ofDrill]) => {
    const clients = new Set(ofDrill.flatMap(({ results }) => results.map(({ client }) => client)));
    return [...clients].map((client) => ({ drill, client, trials: ofDrill }));
  });
  return {
    times: groups.flatMap((group) => TIMES.flatMap(([checker, figure]) => timeRow(group, checker, figure))),
    counts: groups.flatMap((group) =>
      COUNTS.flatMap(([checker, figure, unit]) => countRow(group, checker, figure, unit)),
    ),
  };
}

interface Group {
  readonly drill: string;
  readonly client: string;
  readonly trials: readonly PooledTrial[];
}

function timeRow({ drill, client, trials }: Group, checker: string, figure: string): readonly TimeRow[] {
  const sound = trials.filter((trial) => incompleteUnsoundness(trial.machine, trial) === undefined);
  const values = valuesOf(sound, client, checker, figure);
  if (values.length === 0) return [];
  const never = sound.filter(({ results }) =>
    results.some(
      (each) =>
        each.checker === checker &&
        each.client === client &&
        each.validity === 'invalid' &&
        each.figures[figure] === undefined,
    ),
  ).length;
  const all = [...values, ...Array<number>(never).fill(Number.POSITIVE_INFINITY)];
  return [
    {
      ...summaryOf({ drill, client, figure, unit: 'ms' }, values),
      leftOut: trials.length - sound.length,
      never,
      medianAtMost: boundOf(all, 0.5),
      p95AtMost: boundOf(all, 0.95),
    },
  ];
}

function boundOf(values: readonly number[], p: number): number | null {
  const bound = quantileUpperBound(values, p, CONFIDENCE);
  return bound !== undefined && Number.isFinite(bound) ? bound : null;
}

function countRow(
  { drill, client, trials }: Group,
  checker: string,
  figure: string,
  unit: string,
): readonly CountRow[] {
  const values = valuesOf(trials, client, checker, figure);
  if (values.length === 0) return [];
  const without = values.filter((count) => count === 0).length;
  return [
    {
      ...summaryOf({ drill, client, figure, unit }, values),
      without,
      shareAtLeast: proportionLowerBound(without, values.length, CONFIDENCE),
    },
  ];
}

function summaryOf(
  subject: Pick<Row, 'drill' | 'client' | 'figure' | 'unit'>,
  values: readonly number[],
): Row {
  const sorted = sortAscending(values);
  return {
    ...subject,
    n: values.length,
    min: sorted[0] ?? 0,
    median: medianOf(values),
    max: sorted.at(-1) ?? 0,
  };
}

function valuesOf(
  trials: readonly PooledTrial[],
  client: string,
  checker: string,
  figure: string,
): readonly number[] {
  return trials.flatMap(({ results }) => {
    const result = results.find((each) => each.checker === checker && each.client === client);
    const found = result?.validity === 'unknown' ? undefined : result?.figures[figure];
    return found?.kind === 'value' ? [found.value] : [];
  });
}
