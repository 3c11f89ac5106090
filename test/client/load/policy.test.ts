import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ConfigurationError } from '../../../client/api/errors.ts';
import { Backoff } from '../../../client/load/backoff.ts';
import { resolveCompute, resolveTerms } from '../../../client/load/options.ts';
import { evaluateFreshness, storePolicyOf } from '../../../client/load/policy.ts';

const DEFAULTS = resolveCompute().terms;
const NOW = 1_800_000_000_000;

it('a value changes from fresh through its windows to expired, and never back', () => {
  const order = ['fresh', 'early', 'revalidate', 'grace', 'expired'];
  fc.assert(
    fc.property(
      fc.record({
        staleMs: fc.nat(1e6),
        graceMs: fc.nat(1e6),
        loadMs: fc.integer({ min: 1, max: 60_000 }),
        beta: fc.nat(10),
      }),
      fc.array(fc.integer({ min: -1e6, max: 2e6 }), { maxLength: 20 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      ({ staleMs, graceMs, loadMs, beta }, offsets, random) => {
        const terms = { ...DEFAULTS, staleMs, graceMs, earlyRefresh: beta };
        const at = (offset: number) =>
          evaluateFreshness({ freshUntilMs: NOW, loadMs }, terms, NOW + offset, () => random);
        const seen = offsets.sort((a, b) => a - b).map((offset) => order.indexOf(at(offset)));
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        expect(at(Math.max(staleMs, graceMs))).toBe('expired');
        if (beta === 0) expect(at(-1)).toBe('fresh');
      },
    ),
  );
});

it('a value without freshness is fresh', () => {
  expect(evaluateFreshness(undefined, { ...DEFAULTS, earlyRefresh: 100 }, NOW, () => 1)).toBe('fresh');
});

it('a value that expires with its TTL is fresh as long as it is held, regardless of the clock', () => {
  const terms = { ...DEFAULTS, staleMs: 10, graceMs: 10, earlyRefresh: 100 };
  for (const offset of [-1, 0, 1e6])
    expect(evaluateFreshness({ freshUntilMs: NOW, loadMs: 0 }, terms, NOW + offset, () => 1)).toBe('fresh');
});

it('a value is kept for its TTL minus the jitter, plus the longer of its stale windows', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(1e6),
      fc.nat(1e6),
      (ttl, ttlJitter, random, staleMs, graceMs) => {
        const terms = { ...DEFAULTS, ttlJitter, staleMs, graceMs };
        const policy = storePolicyOf('v', ttl, terms, { endedMs: NOW, tookMs: 5 }, () => random);
        if (!policy) throw new Error('the value must have a store policy');
        expect(policy.ttlSeconds).toBeLessThanOrEqual(ttl);
        expect(policy.ttlSeconds).toBeGreaterThanOrEqual(ttl * (1 - ttlJitter) - 1e-6);
        const window = Math.max(staleMs, graceMs) / 1000;
        expect(policy.keepSeconds).toBeCloseTo((policy.ttlSeconds as number) + window, 6);
        expect(policy.freshness === undefined).toBe(window === 0);
      },
    ),
  );
});

it('invalid options are rejected by name and value, and call options override cache options', () => {
  for (const [options, named] of [
    [{ graceSeconds: -1 }, /compute\.graceSeconds: must .*, got -1/],
    [{ softTimeoutMs: Number.NaN }, /compute\.softTimeoutMs: must .*, got NaN/],
    [{ hardTimeoutMs: 0 }, /compute\.hardTimeoutMs: must .*, got 0/],
    [{ ttlJitter: 1.1 }, /compute\.ttlJitter: must .*, got 1\.1/],
    [{ leaseMs: 50 }, /compute\.leaseMs: must .*, got 50/],
    [{ earlyRefresh: '1' as unknown as number }, /compute\.earlyRefresh: must .*, got "1"/],
  ] as const) {
    expect(() => resolveCompute(options)).toThrowError(ConfigurationError);
    expect(() => resolveCompute(options)).toThrowError(named);
  }
  const cache = resolveCompute({ graceSeconds: 60, ttlJitter: 0.1, leaseMs: 0 });
  expect(cache.leaseMs).toBe(0);
  expect(resolveTerms({}, cache.terms)).toBe(cache.terms);
  expect(resolveTerms({ graceSeconds: 0, softTimeoutMs: 5 }, cache.terms)).toEqual({
    ...cache.terms,
    graceMs: 0,
    softTimeoutMs: 5,
  });
});

it('a backoff tracks a bounded number of keys, and evicts the oldest', () => {
  let at = 0;
  const backoff = new Backoff(() => at);
  for (let i = 0; i <= 10_000; i++) backoff.failed(`k${i}`, 100);
  expect([backoff.isResting('k0'), backoff.isResting('k1')]).toEqual([false, true]);
  at = 100;
  expect(backoff.isResting('k1')).toBe(false);
  backoff.succeeded('k1');
  backoff.failed('k1', 100);
  at = 199;
  expect(backoff.isResting('k1')).toBe(true);
});
