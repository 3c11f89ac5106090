/**
 * Exact quantiles by order statistics, and the summary of a sample.
 *
 * Definition (nearest rank, Hyndman and Fan's type 1): the p-quantile of n samples is x(⌈p·n⌉), the smallest observed
 * value that at least a share p of the samples does not exceed. The quantile is always an observed value; nothing is
 * interpolated, so a p99 of 100 samples is the second largest of them and never a number between two.
 */

/** Minimum, quantiles, maximum and mean of a sample, exact (order statistics), in the unit of the samples. */
export interface Distribution {
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

/** Absorbs the rounding of p·n, so that 0.95 · 20 (19.000000000000004 in some orders) is rank 19. */
const RANK_EPSILON = 1e-9;

/** Returns a sorted copy. `Array.prototype.sort` without a comparator would sort the numbers as strings. */
export function sortAscending(samples: readonly number[]): number[] {
  return samples.toSorted((a, b) => a - b);
}

/** Returns a sorted copy of many samples. Sorting a `Float64Array` does not need an object per number. */
export function sortedSamples(samples: ArrayLike<number>): Float64Array {
  return new Float64Array(samples).sort();
}

/** Returns the 1-based rank of the p-quantile among n ordered samples. */
function rankOf(p: number, n: number): number {
  return Math.min(n, Math.max(1, Math.ceil(p * n - RANK_EPSILON)));
}

/**
 * Returns the p-quantile of an ascending sample.
 *
 * @throws RangeError on an empty sample or p outside (0, 1]: asking for a quantile of no samples is a bug in the caller
 */
export function quantileOf(sorted: ArrayLike<number>, p: number): number {
  if (!(p > 0 && p <= 1)) throw new RangeError(`p must be in (0, 1], not ${p}`);
  const value = sorted[rankOf(p, sorted.length) - 1];
  if (value === undefined) throw new RangeError('a quantile of no samples');
  return value;
}

/** Returns the summary of a sample in any order; undefined for an empty sample. */
export function summarize(samples: ArrayLike<number>): Distribution | undefined {
  return summarizeSorted(sortedSamples(samples));
}

/** Returns the summary of an ascending sample; undefined for an empty sample. */
export function summarizeSorted(sorted: Float64Array): Distribution | undefined {
  if (sorted.length === 0) return undefined;
  return {
    min: quantileOf(sorted, Number.MIN_VALUE),
    p50: quantileOf(sorted, 0.5),
    p95: quantileOf(sorted, 0.95),
    p99: quantileOf(sorted, 0.99),
    max: quantileOf(sorted, 1),
    // Summed in ascending order: the same samples give the same bits, regardless of their original order.
    mean: sorted.reduce((sum, x) => sum + x, 0) / sorted.length,
  };
}

/** Returns the median by nearest rank: the lower of the two middle values if the number of values is even. */
export function medianOf(samples: readonly number[]): number {
  return quantileOf(sortAscending(samples), 0.5);
}

/**
 * Returns the largest value; −Infinity for an empty list. `Math.max(...values)` overflows the stack above about 100,000
 * values.
 */
export function largestOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}

/** Returns the smallest value; Infinity for an empty list. */
export function smallestOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}
