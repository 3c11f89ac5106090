import type { Random } from './random.ts';

/**
 * Returns a function that draws ranks 0..n-1 with a probability proportional to 1 / (rank + 1)^exponent, by the inverse
 * of the exact cumulative distribution. Exact for any exponent, even above 1, where YCSB's approximation is not; O(log
 * n) per draw.
 */
export function zipfSampler(n: number, exponent: number, random: Random): () => number {
  const cumulative = new Float64Array(n);
  let total = 0;
  for (let rank = 0; rank < n; rank++) {
    total += 1 / (rank + 1) ** exponent;
    cumulative[rank] = total;
  }
  return () => {
    const target = random.next() * total;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
