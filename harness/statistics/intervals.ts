/** Two-sided intervals from the one-sided bounds: each side has half of the error. No distribution is assumed. */
import { proportionLowerBound, proportionUpperBound, quantileUpperBound } from './bounds.ts';

/** Ends of an interval in ascending order, both included. */
export type Interval = readonly [low: number, high: number];

/** Returns the Clopper-Pearson interval. @throws RangeError unless 0 <= successes <= n */
export function proportionInterval(successes: number, n: number, confidence: number): Interval {
  const side = 1 - (1 - confidence) / 2;
  return [proportionLowerBound(successes, n, side), proportionUpperBound(successes, n, side)];
}

/** Returns order statistics around the p-quantile, 0 < p < 1; undefined if there are too few samples for both ends. */
export function quantileInterval(
  samples: ArrayLike<number>,
  p: number,
  confidence: number,
): Interval | undefined {
  const side = 1 - (1 - confidence) / 2;
  const high = quantileUpperBound(samples, p, side);
  const mirrored = quantileUpperBound(
    Float64Array.from(samples, (sample) => -sample),
    1 - p,
    side,
  );
  return high === undefined || mirrored === undefined ? undefined : [0 - mirrored, high];
}

/** Whether two intervals have no value in common. */
export function areApart([lowA, highA]: Interval, [lowB, highB]: Interval): boolean {
  return highA < lowB || highB < lowA;
}
