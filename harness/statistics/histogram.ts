/**
 * Histograms on fixed logarithmic buckets: ten per decade, at the preferred numbers (R10), from 0.01 to 100,000. The
 * buckets are fixed, so that two runs or two clients can be overlaid.
 */

export interface Bucket {
  /** Upper bound of the bucket in ms, inclusive. */
  readonly upToMs: number;
  readonly count: number;
}

const R10 = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8] as const;
const DECADES = [0.01, 0.1, 1, 10, 100, 1_000, 10_000] as const;

/**
 * Upper bounds of all buckets, ascending. They are rounded, because binary arithmetic does not always give exactly
 * 0.125 for 1.25 * 0.1.
 */
export const BUCKETS_MS: readonly number[] = Object.freeze([
  ...DECADES.flatMap((decade) => R10.map((step) => Number((decade * step).toPrecision(4)))),
  100_000,
]);

/** Returns the index of the bucket that contains a value. */
export function bucketOf(sample: number): number {
  let low = 0;
  let high = BUCKETS_MS.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sample <= (BUCKETS_MS[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Returns the counts from the first non-empty bucket to the last. Values above the last bound are counted in the last
 * bucket.
 */
export function histogramOf(samplesMs: Iterable<number>): readonly Bucket[] {
  const counts = new Map<number, number>();
  for (const sample of samplesMs) {
    const bucket = bucketOf(sample);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const first = Math.min(...counts.keys());
  const last = Math.max(...counts.keys());
  return BUCKETS_MS.slice(first, last + 1).map((upToMs, i) => ({
    upToMs,
    count: counts.get(first + i) ?? 0,
  }));
}
