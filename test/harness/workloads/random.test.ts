import { expect, it } from 'vitest';
import { resolveParameters } from '../../../harness/workloads/parameters.ts';
import { seededRandom } from '../../../harness/workloads/random.ts';
import { logicalValue, padValue, valueBytes } from '../../../harness/workloads/values.ts';
import { zipfSampler } from '../../../harness/workloads/zipf.ts';

const draws = (seed: number, stream?: string) => {
  const random = seededRandom(seed, stream);
  return Array.from({ length: 20 }, () => random.next());
};

it('random numbers are the same for the same seed, and differ for a different seed or stream', () => {
  expect(draws(7)).toEqual(draws(7));
  expect(draws(7)).not.toEqual(draws(8));
  expect(draws(7, 'kit')).not.toEqual(draws(7, 'ioredis'));
});

it('random numbers are uniform, and exponential with the requested mean', () => {
  const random = seededRandom(1);
  const n = 20_000;
  const mean = (draw: () => number) => Array.from({ length: n }, draw).reduce((a, b) => a + b) / n;
  expect(mean(() => random.next())).toBeCloseTo(0.5, 1);
  expect(mean(() => random.exponential(4)) / 4).toBeCloseTo(1, 1);
  expect(mean(() => random.normal())).toBeCloseTo(0, 1);
  expect(mean(() => random.int(11))).toBeCloseTo(5, 0);
});

it('a shuffle keeps every element', () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = seededRandom(3).shuffle(items);
  expect(shuffled).not.toEqual(items);
  expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  expect(items).toContain(seededRandom(3).pick(items));
});

it('Zipf ranks have their exact proportions', () => {
  const draw = zipfSampler(5, 1, seededRandom(11));
  const n = 50_000;
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const rank = draw();
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  const harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5;
  counts.forEach((count, rank) => {
    expect(count / n).toBeCloseTo(1 / (rank + 1) / harmonic, 2);
  });
});

it('a value is padded to its size, and its tag can be read back', () => {
  expect(padValue('v12', 224)).toHaveLength(224);
  expect(logicalValue(padValue('v12', 224))).toBe('v12');
  expect(logicalValue(padValue('longer than that', 4))).toBe('longer than that');
});

it('value sizes have the median and the p90 of the traces', () => {
  const random = seededRandom(5);
  const sizes = Array.from({ length: 20_000 }, () => valueBytes(random, 1e9)).toSorted((a, b) => a - b);
  expect((sizes[10_000] ?? 0) / 224).toBeCloseTo(1, 0);
  expect((sizes[18_000] ?? 0) / 4_700).toBeCloseTo(1, 0);
  expect(Math.max(...Array.from({ length: 1_000 }, () => valueBytes(random, 1_000)))).toBe(1_000);
});

it('the prefix "full." limits parameters to the full profile, and unknown parameters are rejected', () => {
  const defaults = { rate: 1, size: 2 };
  const given = { 'full.rate': 9, rate: 5 };
  expect(resolveParameters('w', defaults, given, 'quick')).toEqual({ rate: 5, size: 2 });
  expect(resolveParameters('w', defaults, given, 'full')).toEqual({ rate: 9, size: 2 });
  expect(() => resolveParameters('w', defaults, { rat: 1 }, 'quick')).toThrow(
    "workload w has no parameter 'rat'",
  );
});

it('the prefix "external." limits parameters to an external Redis, and "external.full." also to profile full', () => {
  const defaults = { rate: 1 };
  const given = { 'external.full.rate': 4, 'external.rate': 3, 'full.rate': 9, rate: 5 };
  const rate = (...[profile, substrate]: ['quick' | 'full', string]) =>
    resolveParameters('w', defaults, given, profile, substrate).rate;
  expect(rate('quick', 'local')).toBe(5);
  expect(rate('full', 'docker')).toBe(9);
  expect(rate('quick', 'external')).toBe(3);
  expect(rate('full', 'external')).toBe(4);
  expect(() => resolveParameters('w', defaults, { 'somewhere.rate': 1 }, 'quick')).toThrow(/no parameter/);
});
