/**
 * Latency histograms with the fixed buckets of `harness/statistics/histogram.ts`, so that the counts of processes can
 * be added. Pure.
 */
import { BUCKETS_MS } from '../../harness/statistics/histogram.ts';

/** Number of observations per bucket. A missing index counts as 0. */
export type Histogram = readonly number[];

/** Returns the first bucket up to which the cumulative share is at least p; undefined for an empty histogram. */
export function quantileBucket(histogram: Histogram, p: number): number | undefined {
  const total = sumOf(histogram);
  if (total === 0) return undefined;
  let seen = 0;
  return histogram.findIndex((count) => {
    seen += count;
    return seen >= p * total;
  });
}

/** Returns the upper bound, in ms, of the bucket that contains the p-quantile; null for an empty histogram. */
export function quantileMs(histogram: Histogram, p: number): number | null {
  const bucket = quantileBucket(histogram, p);
  return bucket === undefined ? null : (BUCKETS_MS[bucket] ?? null);
}

/** Returns the number of observations in buckets above the given index. */
export function countAbove(histogram: Histogram, bucket: number): number {
  return sumOf(histogram.slice(bucket + 1));
}

export function sumOf(histogram: Histogram): number {
  return histogram.reduce((sum, count) => sum + count, 0);
}
