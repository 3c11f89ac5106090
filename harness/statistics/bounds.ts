/**
 * One-sided bounds that hold without assuming a distribution. A bound that assumes a normal distribution is wrong in
 * the case that matters here: the rare slow mode of a failover.
 *
 * With no failure in n trials, the success probability is at least 0.05^(1/n) at 95 % confidence: at least 0.90 with 29
 * trials, 0.95 with 59 (then the largest of the 59 values bounds their p95), 0.99 with 299.
 */
import { binomialTail } from './beta.ts';
import { sortedSamples } from './quantile.ts';

/** Number of bisections of [0, 1] that exhausts the precision of a double. */
const BISECTIONS = 60;

function assertCounts(successes: number, n: number): void {
  if (!Number.isInteger(successes) || !Number.isInteger(n) || n < 0 || successes < 0 || successes > n) {
    throw new RangeError(`successes must be within 0..n, not ${successes} of ${n}`);
  }
}

function bisect(goesLower: (p: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (goesLower(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** Returns the one-sided lower Clopper-Pearson bound of a proportion at `confidence`. */
export function proportionLowerBound(successes: number, n: number, confidence: number): number {
  assertCounts(successes, n);
  if (successes === 0) return 0;
  return bisect((p) => binomialTail(successes, n, p) > 1 - confidence);
}

/** Returns the one-sided upper Clopper-Pearson bound of a proportion at `confidence`. */
export function proportionUpperBound(successes: number, n: number, confidence: number): number {
  assertCounts(successes, n);
  return successes === n ? 1 : 1 - proportionLowerBound(n - successes, n, confidence);
}

/**
 * Returns the 1-based rank r such that x(r) is an upper bound of the p-quantile at `confidence`: the smallest r with
 * P(Bin(n, p) <= r - 1) >= confidence. Undefined if even the largest of n samples does not bound it.
 */
export function quantileUpperRank(n: number, p: number, confidence: number): number | undefined {
  const isCovered = (r: number) => 1 - binomialTail(r, n, p) >= confidence;
  if (n < 1 || !isCovered(n)) return undefined;
  let low = 1;
  let high = n;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isCovered(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Returns an observed value that bounds the p-quantile from above; undefined if there are too few samples for the
 * claim.
 */
export function quantileUpperBound(
  samples: ArrayLike<number>,
  p: number,
  confidence: number,
): number | undefined {
  const rank = quantileUpperRank(samples.length, p, confidence);
  return rank === undefined ? undefined : sortedSamples(samples)[rank - 1];
}

/**
 * Returns the number of trials that must all succeed before "at least a share p succeeds" can be claimed at
 * `confidence`.
 */
export function trialsNeeded(p: number, confidence: number): number {
  if (!(p > 0 && p < 1 && confidence > 0 && confidence < 1)) {
    throw new RangeError(`p and confidence must be in (0, 1), not ${p} and ${confidence}`);
  }
  return Math.ceil(Math.log(1 - confidence) / Math.log(p) - 1e-9);
}
