import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomialTail } from '../../../harness/statistics/beta.ts';
import {
  proportionLowerBound,
  proportionUpperBound,
  quantileUpperBound,
  quantileUpperRank,
  trialsNeeded,
} from '../../../harness/statistics/bounds.ts';
import { BUCKETS_MS, histogramOf } from '../../../harness/statistics/histogram.ts';
import { medianOf, quantileOf, sortAscending, summarize } from '../../../harness/statistics/quantile.ts';
import { roundFigure, roundNumbers } from '../../../harness/statistics/round.ts';

const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

/** Binomial tail computed from its definition, as an independent reference. */
function tailBySum(k: number, n: number, p: number): number {
  let total = 0;
  for (let i = k; i <= n; i++) {
    let choose = 1;
    for (let j = 1; j <= i; j++) choose = (choose * (n - i + j)) / j;
    total += choose * p ** i * (1 - p) ** (n - i);
  }
  return total;
}

describe('quantiles by nearest rank', () => {
  it('are the observed value at rank ⌈p·n⌉', () => {
    expect(quantileOf(oneTo(100), 0.99)).toBe(99);
    expect(quantileOf(oneTo(100), 1)).toBe(100);
    expect(quantileOf(oneTo(20), 0.95)).toBe(19);
    expect(quantileOf(oneTo(10), 0.95)).toBe(10);
    expect(quantileOf([7], 0.01)).toBe(7);
  });

  it('use the numerical order, not the alphabetical one', () => {
    expect(sortAscending([10, 9, 100])).toEqual([9, 10, 100]);
    expect(medianOf([10, 9, 100, 1])).toBe(9);
  });

  it('reject an empty sample and a ratio outside (0, 1]', () => {
    expect(() => quantileOf([], 0.5)).toThrow(RangeError);
    expect(() => quantileOf([1], 0)).toThrow(RangeError);
    expect(() => quantileOf([1], 1.1)).toThrow(RangeError);
    expect(summarize([])).toBeUndefined();
  });

  it('cover at least the requested ratio, with an observed value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 100 }),
        (xs, percent) => {
          const q = quantileOf(sortAscending(xs), percent / 100);
          expect(xs).toContain(q);
          expect(xs.filter((x) => x <= q).length * 100).toBeGreaterThanOrEqual(percent * xs.length);
          expect(xs.filter((x) => x < q).length * 100).toBeLessThan(percent * xs.length);
        },
      ),
    );
  });

  it('have bit-identical results regardless of the order of the samples', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 1e4 }), { minLength: 1 }), (xs) => {
        expect(summarize(xs)).toEqual(summarize(xs.toReversed()));
      }),
    );
    expect(summarize([4, 1, 3, 2])).toEqual({ min: 1, p50: 2, p95: 4, p99: 4, max: 4, mean: 2.5 });
  });
});

describe('bounds', () => {
  it.each([
    [0.9, 29],
    [0.95, 59],
    [0.99, 299],
  ])('show a ratio of %d at 95 %% confidence with %d trials without a failure', (p, n) => {
    expect(trialsNeeded(p, 0.95)).toBe(n);
    expect(proportionLowerBound(n, n, 0.95)).toBeGreaterThanOrEqual(p);
    expect(proportionLowerBound(n - 1, n - 1, 0.95)).toBeLessThan(p);
    expect(quantileUpperRank(n, p, 0.95)).toBe(n);
    expect(quantileUpperRank(n - 1, p, 0.95)).toBeUndefined();
  });

  it('equal the closed form 0.05^(1/n) if there are no failures', () => {
    for (const n of [1, 20, 59, 299, 3_000]) {
      expect(proportionLowerBound(n, n, 0.95)).toBeCloseTo(0.05 ** (1 / n), 10);
      expect(proportionUpperBound(0, n, 0.95)).toBeCloseTo(1 - 0.05 ** (1 / n), 10);
    }
  });

  it('equal published Clopper-Pearson limits', () => {
    // The two-sided 95 % interval for 8 of 10 is 0.4439 to 0.9748, which is one-sided 97.5 % on each side.
    expect(proportionLowerBound(8, 10, 0.975)).toBeCloseTo(0.4439, 4);
    expect(proportionUpperBound(8, 10, 0.975)).toBeCloseTo(0.9748, 4);
    expect(proportionLowerBound(0, 10, 0.95)).toBe(0);
    expect(proportionUpperBound(10, 10, 0.95)).toBe(1);
  });

  it('use a binomial tail that agrees with its definition', () => {
    for (const [k, n, p] of [
      [1, 10, 0.1],
      [5, 10, 0.5],
      [29, 30, 0.9],
      [3, 40, 0.02],
    ] as const) {
      expect(binomialTail(k, n, p)).toBeCloseTo(tailBySum(k, n, p), 12);
    }
    expect(binomialTail(0, 5, 0.3)).toBe(1);
    expect(binomialTail(6, 5, 0.3)).toBe(0);
    expect(binomialTail(2, 5, 0)).toBe(0);
    expect(binomialTail(2, 5, 1)).toBe(1);
  });

  it('bound a quantile from above by an observed value, which with enough samples is below the maximum', () => {
    expect(quantileUpperBound(oneTo(58), 0.95, 0.95)).toBeUndefined();
    expect(quantileUpperBound(oneTo(59), 0.95, 0.95)).toBe(59);
    expect(quantileUpperBound(oneTo(93), 0.95, 0.95)).toBe(92);
    expect(quantileUpperBound([], 0.5, 0.95)).toBeUndefined();
  });

  it('reject impossible counts and ratios', () => {
    expect(() => proportionLowerBound(3, 2, 0.95)).toThrow(RangeError);
    expect(() => proportionUpperBound(-1, 2, 0.95)).toThrow(RangeError);
    expect(() => trialsNeeded(1, 0.95)).toThrow(RangeError);
  });
});

describe('histograms with fixed logarithmic buckets', () => {
  it('count every sample once, in the bucket whose upper bound it does not exceed', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 2e5 })), (xs) => {
        const total = histogramOf(xs).reduce((sum, bucket) => sum + bucket.count, 0);
        expect(total).toBe(xs.length);
      }),
    );
    expect(histogramOf([1, 1.01, 1.25, 2])).toEqual([
      { upToMs: 1, count: 1 },
      { upToMs: 1.25, count: 2 },
      { upToMs: 1.6, count: 0 },
      { upToMs: 2, count: 1 },
    ]);
  });

  it('have strictly ascending bounds, and count higher values in the last bucket', () => {
    expect(BUCKETS_MS.every((b, i) => i === 0 || b > (BUCKETS_MS[i - 1] ?? 0))).toBe(true);
    expect(histogramOf([1e9])).toEqual([{ upToMs: 100_000, count: 1 }]);
    expect(histogramOf([])).toEqual([]);
  });
});

describe('rounding', () => {
  it('keeps integers, and six significant digits of other numbers, at any depth of an object', () => {
    expect(roundFigure(123_456_789)).toBe(123_456_789);
    expect(roundFigure(0.1 + 0.2)).toBe(0.3);
    expect(roundNumbers({ a: [1.23456789, 'x', null], b: { c: 12_345.678 } })).toEqual({
      a: [1.23457, 'x', null],
      b: { c: 12_345.7 },
    });
  });
});
