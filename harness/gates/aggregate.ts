/** Combines the figures of several trials into one measurement with its number of observations. */
import type { Gate } from '../../config/gates.ts';
import type { Figure } from '../checkers/checker.ts';
import { largestOf, smallestOf } from '../statistics/quantile.ts';
import type { EvidenceRef } from './gate.ts';

/** Result of one trial for one gate. */
export interface Reading {
  readonly kind: 'figure';
  readonly drill: string;
  /** Name of the trial, for messages: `master-crash #3`. */
  readonly name: string;
  readonly figure: Figure;
  /** The part of the figure that a slow machine cannot change, if the checker separates it. */
  readonly untimed?: Figure;
  readonly reasons: readonly string[];
  readonly remedies: readonly string[];
  readonly evidence: readonly EvidenceRef[];
}

export interface Aggregate {
  readonly measured: number;
  readonly n: number;
}

/** Returns the figure as a number: the statistic of a distribution, the ratio of a proportion, or the value itself. */
export function numberOf(figure: Figure, stat: Gate['sli']['stat']): number {
  if (figure.kind === 'value') return figure.value;
  if (figure.kind === 'proportion') return figure.n === 0 ? 0 : figure.successes / figure.n;
  return figure.distribution[stat ?? 'max'];
}

/** Sums the successes and observations of all proportions. */
export function poolProportions(readings: readonly Reading[]): {
  readonly successes: number;
  readonly n: number;
} {
  let successes = 0;
  let n = 0;
  for (const { figure } of readings) {
    if (figure.kind !== 'proportion') continue;
    successes += figure.successes;
    n += figure.n;
  }
  return { successes, n };
}

const OVER: Readonly<Record<Gate['sli']['over'], (gate: Gate, readings: readonly Reading[]) => number>> = {
  max: (gate, readings) => largestOf(amountsOf(gate, readings)),
  min: (gate, readings) => smallestOf(amountsOf(gate, readings)),
  sum: (gate, readings) => amountsOf(gate, readings).reduce((sum, x) => sum + x, 0),
  pool: (_gate, readings) => {
    const { successes, n } = poolProportions(readings);
    return n === 0 ? 0 : successes / n;
  },
};

/** Aggregates readings. @param readings at least one reading */
export function aggregate(gate: Gate, readings: readonly Reading[]): Aggregate {
  const observations = readings.reduce((sum, { figure }) => sum + figure.n, 0);
  return {
    measured: OVER[gate.sli.over](gate, readings),
    n: gate.sli.count === 'trials' ? readings.length : observations,
  };
}

export function amountsOf(gate: Gate, readings: readonly Reading[]): readonly number[] {
  return readings.map(({ figure }) => numberOf(figure, gate.sli.stat));
}
