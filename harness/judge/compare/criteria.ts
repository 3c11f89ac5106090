/**
 * Compares one criterion in two runs → better, worse, within noise, or undecided. Pure.
 *
 *   readings of both runs ─▶ an interval of each ─▶ apart? ─▶ more than the machine added? ─▶ better or worse
 *
 * The interval depends on the figure, and no distribution is assumed: Clopper-Pearson for a proportion, order
 * statistics of all samples for a percentile, order statistics of the trials for a value per trial. Samples within a
 * trial are not independent, so their interval is too narrow on a machine that also does other work. A time must
 * therefore also differ by more than the machine delay that the two runs recorded. A value from too few trials is
 * undecided, except for a criterion that the machine never excuses (`timing: false`): if its state changes, the subject
 * has changed.
 */
import type { Gate } from '../../../config/gates.ts';
import { amountsOf, poolProportions, type Reading } from '../../gates/aggregate.ts';
import type { Criterion } from '../../gates/gate.ts';
import { inWords, largerIsWorse } from '../../gates/target.ts';
import { areApart, type Interval, proportionInterval, quantileInterval } from '../../statistics/intervals.ts';
import { largestOf } from '../../statistics/quantile.ts';

/** Two-sided confidence of each interval. About a hundred criteria are compared at once. */
const COMPARISON_CONFIDENCE = 0.99;

export type Change = 'better' | 'worse' | 'within-noise' | 'undecided';

/** A criterion in one run. */
export interface Side {
  readonly gate: Gate;
  readonly criterion: Criterion;
  readonly readings: readonly Reading[];
  /** Delay, in ms, that the machine added to times in the trials; 0 if the machine was not sampled. */
  readonly machineMs: number;
}

export interface ComparedSide {
  readonly state: Criterion['state'];
  /** Measured value; null if nothing was measured. */
  readonly measured: number | null;
  readonly n: number;
  readonly interval: Interval | null;
}

export interface ComparedCriterion {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly change: Change;
  /** Explanation, including the method. */
  readonly reason: string;
  /** Method: `clopper-pearson`, `order-statistic of samples`, `order-statistic of trials`, `state` or `none`. */
  readonly method: string;
  readonly baseline: ComparedSide;
  readonly run: ComparedSide;
}

export function compareCriterion(baseline: Side, run: Side): ComparedCriterion {
  const before = intervalOf(baseline);
  const after = intervalOf(run);
  const { change, reason, method } = decide(baseline, run, before, after);
  const { id, title, unit } = run.criterion;
  return {
    ...{ id, title, unit, change, reason, method },
    baseline: sideOf(baseline, before),
    run: sideOf(run, after),
  };
}

interface Estimate {
  readonly method: string;
  readonly interval: Interval | undefined;
  /** Reason why there is no interval. */
  readonly missing: string;
}

type Decision = Pick<ComparedCriterion, 'change' | 'reason' | 'method'>;

function decide(baseline: Side, run: Side, before: Estimate, after: Estimate): Decision {
  const isBounded = before.interval !== undefined && after.interval !== undefined;
  if (isEachMeasured(baseline, run) && isBounded && !isDecidedByOneTrial(baseline, run, after))
    return byIntervals(baseline, run, before as Bounded, after as Bounded);
  return byState(baseline, run, before.interval === undefined ? before : after);
}

type Bounded = Estimate & { readonly interval: Interval };

function byIntervals(baseline: Side, run: Side, before: Bounded, after: Bounded): Decision {
  const { unit } = run.criterion;
  const { method } = after;
  const words = `${rangeInWords(before.interval, unit)} before, ${rangeInWords(after.interval, unit)} now, at 99 %`;
  if (!areApart(before.interval, after.interval))
    return { change: 'within-noise', method, reason: `the intervals overlap: ${words}` };
  const machineMs =
    unit === 'ms' && run.gate.timing !== false ? Math.max(baseline.machineMs, run.machineMs) : 0;
  const distance = Math.max(after.interval[0] - before.interval[1], before.interval[0] - after.interval[1]);
  if (distance <= machineMs) {
    const reason = `the intervals are ${inWords(distance, unit)} apart, and the machine added up to ${inWords(machineMs, unit)}: ${words}`;
    return { change: 'within-noise', method, reason };
  }
  const isLarger = after.interval[0] > before.interval[1];
  const isWorse = isLarger === largerIsWorse(run.gate.target);
  return { change: isWorse ? 'worse' : 'better', method, reason: `the intervals do not overlap: ${words}` };
}

/**
 * Whether a single trial decides the comparison: a median would hide a write lost in one of many trials, and a lost
 * write is never noise.
 */
function isDecidedByOneTrial(
  { criterion: before }: Side,
  { criterion: after, gate }: Side,
  { method }: Estimate,
) {
  const isChanged = isJudged(before) && isJudged(after) && isMissed(before) !== isMissed(after);
  return gate.timing === false && method === OF_TRIALS && isChanged;
}

/**
 * Decides by state if there is no interval. This applies only to a criterion whose failure a busy machine never
 * excuses.
 */
function byState(baseline: Side, run: Side, lacking: Estimate): Decision {
  const { criterion: before } = baseline;
  const { criterion: after, gate } = run;
  const undecided = (reason: string): Decision => ({ change: 'undecided', method: 'none', reason });
  const open = [before, after].find((each) => !isJudged(each));
  if (open !== undefined) return undecided(`one of the runs did not judge it: ${open.reason}`);
  if (gate.timing !== false) return undecided(lacking.missing);
  const [wasTarget, target] = [targetInWords(baseline.gate), targetInWords(gate)];
  if (target !== wasTarget) return undecided(`its target is ${target}, and was ${wasTarget}`);
  const [missedBefore, missedAfter] = [isMissed(before), isMissed(after)];
  const reason = `${before.state} before, ${after.state} now; no machine excuses this criterion`;
  if (missedBefore === missedAfter) return { change: 'within-noise', method: 'state', reason };
  return { change: missedAfter ? 'worse' : 'better', method: 'state', reason };
}

function targetInWords({ target: { op, value }, unit }: Gate): string {
  return `${op} ${inWords(value, unit)}`;
}

/**
 * Whether the criterion missed its target, even if it is waived. The reason for a waived criterion begins with the
 * criterion's own state.
 */
function isMissed({ state, reason }: Criterion): boolean {
  return state === 'FAIL' || (state === 'WAIVED' && reason.startsWith('FAIL: '));
}

function isJudged(criterion: Criterion): boolean {
  return criterion.state === 'PASS' || isMissed(criterion);
}

function isEachMeasured(...sides: readonly Side[]): boolean {
  return sides.every(({ criterion }) => criterion.measured !== null);
}

const OF_TRIALS = 'order-statistic of trials';
const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

function intervalOf({ gate, readings }: Side): Estimate {
  const figures = readings.map(({ figure }) => figure);
  if (figures.some(({ kind }) => kind === 'proportion')) {
    const { successes, n } = poolProportions(readings);
    const interval = n === 0 ? undefined : proportionInterval(successes, n, COMPARISON_CONFIDENCE);
    return { method: 'clopper-pearson', interval, missing: 'nothing was observed' };
  }
  const { stat } = gate.sli;
  if (stat === 'p50' || stat === 'p95' || stat === 'p99') {
    const samples = figures.flatMap((figure) => (figure.kind === 'distribution' ? [...figure.samples] : []));
    if (samples.length > 0) {
      const interval = quantileInterval(samples, QUANTILES[stat], COMPARISON_CONFIDENCE);
      const missing = `${samples.length} samples are too few for an interval of ${stat}`;
      return { method: 'order-statistic of samples', interval, missing };
    }
  }
  const amounts = amountsOf(gate, readings);
  const interval = quantileInterval(amounts, 0.5, COMPARISON_CONFIDENCE);
  return {
    method: OF_TRIALS,
    interval,
    missing: `${trialsInWords(amounts.length)} are too few for an interval of the median; 8 are needed in each run`,
  };
}

function trialsInWords(n: number): string {
  return n === 1 ? '1 value per run' : `${n} trials`;
}

function sideOf({ criterion: { state, measured, n } }: Side, { interval }: Estimate): ComparedSide {
  return { state, measured, n, interval: interval ?? null };
}

function rangeInWords([low, high]: Interval, unit: string): string {
  return `${inWords(Number(low.toPrecision(4)), unit)} to ${inWords(Number(high.toPrecision(4)), unit)}`;
}

/** Returns the largest delay that the machine added in any of the trials, in ms. */
export function largestDelayMs(delays: readonly (number | null | undefined)[]): number {
  return Math.max(0, largestOf(delays.map((delay) => delay ?? 0)));
}
