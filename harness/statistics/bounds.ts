/**
 * One-sided bounds that hold without assuming a distribution. A normal bound fails exactly where it matters here: on
 * the rare slow mode of a failover.
 *
 * With no failure in n trials the success probability is at least 0.05^(1/n) at 95 %: 29 trials bound it by 0.90, 59 by
 * 0.95 (and then the largest of 59 values bounds their p95), 299 by 0.99.
 */
import { binomialTail } from './beta.ts';
import { sortAscending } from './quantile.ts';

/** Halving [0, 1] this often exhausts the precision of a double. */
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

/** Clopper-Pearson: the largest p that the observation rules out from below, one-sided, at `confidence`. */
export function proportionLowerBound(successes: number, n: number, confidence: number): number {
  assertCounts(successes, n);
  if (successes === 0) return 0;
  return bisect((p) => binomialTail(successes, n, p) > 1 - confidence);
}

/** Clopper-Pearson, one-sided from above. */
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

/** The upper bound of the p-quantile as an observed value; undefined if there are too few samples for the claim. */
export function quantileUpperBound(
  samples: readonly number[],
  p: number,
  confidence: number,
): number | undefined {
  const rank = quantileUpperRank(samples.length, p, confidence);
  return rank === undefined ? undefined : sortAscending(samples)[rank - 1];
}

/** Trials that must all succeed before "at least a share p succeeds" can be claimed at `confidence`. */
export function trialsNeeded(p: number, confidence: number): number {
  if (!(p > 0 && p < 1 && confidence > 0 && confidence < 1)) {
    throw new RangeError(`p and confidence must be in (0, 1), not ${p} and ${confidence}`);
  }
  return Math.ceil(Math.log(1 - confidence) / Math.log(p) - 1e-9);
}
