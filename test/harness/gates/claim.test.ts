import { describe, expect, it } from 'vitest';
import { FULL, gate, judged, many, share, trial, value } from './by-hand.ts';

describe('a claim in full', () => {
  it('bounds the share of good trials by Clopper-Pearson', () => {
    const claim = gate({ claim: { kind: 'trials', share: 0.95, confidence: 0.95 } });
    const enough = judged(
      claim,
      many(59, () => value(1)),
      FULL,
    );
    expect(enough).toMatchObject({ state: 'PASS', bound: { kind: 'lower', method: 'clopper-pearson' } });
    expect(enough.bound?.value).toBeCloseTo(0.05 ** (1 / 59), 9);
    const few = judged(
      claim,
      many(58, () => value(1)),
      FULL,
    );
    expect(few).toMatchObject({ state: 'INSUFFICIENT', because: expect.stringContaining('59 are needed') });
    expect(
      judged(
        claim,
        many(58, () => value(1)),
      ).state,
    ).toBe('PASS');
  });

  it('bounds a quantile over trials by an order statistic', () => {
    const claim = gate({ claim: { kind: 'quantile', quantile: 0.9, confidence: 0.95 } });
    expect(
      judged(
        claim,
        many(29, (i) => value(i)),
        FULL,
      ),
    ).toMatchObject({
      state: 'PASS',
      bound: { kind: 'upper', value: 28, method: 'order-statistic' },
    });
    expect(
      judged(
        claim,
        many(28, (i) => value(i)),
        FULL,
      ),
    ).toMatchObject({ state: 'INSUFFICIENT', bound: null });
  });

  it('takes the bound of a distribution from its checker, the worst of all trials', () => {
    const p99 = gate({
      sli: { checker: 'a-checker', figure: 'figure', stat: 'p99', over: 'max', count: 'observations' },
      claim: { kind: 'quantile', quantile: 0.99, confidence: 0.95 },
    });
    const distribution = {
      kind: 'distribution',
      unit: 'ms',
      n: 500,
      distribution: { min: 1, p50: 2, p95: 3, p99: 4, max: 500, mean: 9 },
    } as const;
    const bounded = (upper?: number) =>
      trial(
        undefined,
        {},
        {
          figures: {
            figure: distribution,
            ...(upper !== undefined && { 'figure.p99Upper95': value(upper) }),
          },
        },
      );
    expect(judged(p99, [bounded(7), bounded(9)], FULL)).toMatchObject({
      state: 'PASS',
      bound: { value: 9 },
    });
    expect(judged(p99, [bounded(7), bounded(101)], FULL)).toMatchObject({
      state: 'INSUFFICIENT',
      bound: { value: 101 },
    });
    expect(judged(p99, [bounded(7), bounded()], FULL)).toMatchObject({
      state: 'INSUFFICIENT',
      bound: null,
    });
  });

  it('bounds a share from the side of its target', () => {
    const claim = { claim: { kind: 'proportion', confidence: 0.95 }, unit: 'ratio' };
    const sli = { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' };
    const good = gate({ ...claim, sli, target: { op: '>=', value: 0.999 } });
    expect(judged(good, [trial(share(3000, 3000))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { kind: 'lower' },
    });
    expect(judged(good, [trial(share(2000, 2000))], FULL)).toMatchObject({
      state: 'INSUFFICIENT',
      because: expect.stringContaining('2000 observations are too few'),
    });
    const bad = gate({ ...claim, sli, target: { op: '<=', value: 0.001 } });
    expect(judged(bad, [trial(share(0, 3000))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { kind: 'upper' },
    });
    expect(judged(bad, [trial(share(0, 2000))], FULL).state).toBe('INSUFFICIENT');
  });
});
