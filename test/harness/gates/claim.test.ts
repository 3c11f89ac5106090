import { describe, expect, it } from 'vitest';
import type { Figure } from '../../../harness/checkers/checker.ts';
import { quantileUpperBound } from '../../../harness/statistics/bounds.ts';
import {
  buildGate,
  buildTrial,
  buildTrials,
  evaluateGate,
  FULL,
  ratioFigure,
  valueFigure,
} from './gate-builders.ts';

describe('a claim of the full profile', () => {
  it('bounds the ratio of good trials with the Clopper-Pearson method', () => {
    const claim = buildGate({ claim: { kind: 'trials', share: 0.95, confidence: 0.95 } });
    const enough = evaluateGate(
      claim,
      buildTrials(59, () => valueFigure(1)),
      FULL,
    );
    expect(enough).toMatchObject({ state: 'PASS', bound: { kind: 'lower', method: 'clopper-pearson' } });
    expect(enough.bound?.value).toBeCloseTo(0.05 ** (1 / 59), 9);
    const few = evaluateGate(
      claim,
      buildTrials(58, () => valueFigure(1)),
      FULL,
    );
    expect(few).toMatchObject({ state: 'INSUFFICIENT', reason: expect.stringContaining('59 are needed') });
    expect(
      evaluateGate(
        claim,
        buildTrials(58, () => valueFigure(1)),
      ).state,
    ).toBe('PASS');
  });

  it('bounds a quantile over trials with an order statistic', () => {
    const claim = buildGate({ claim: { kind: 'quantile', quantile: 0.9, confidence: 0.95 } });
    expect(
      evaluateGate(
        claim,
        buildTrials(29, (i) => valueFigure(i)),
        FULL,
      ),
    ).toMatchObject({
      state: 'PASS',
      bound: { kind: 'upper', value: 28, method: 'order-statistic' },
    });
    expect(
      evaluateGate(
        claim,
        buildTrials(28, (i) => valueFigure(i)),
        FULL,
      ),
    ).toMatchObject({ state: 'INSUFFICIENT', bound: null });
  });

  const samples = (n: number, worst: number): Figure => {
    const all = Array.from({ length: n }, (_, i) => (i === n - 1 ? worst : i / n));
    const distribution = { min: 0, p50: 0.5, p95: 0.95, p99: 0.99, max: worst, mean: 1 };
    return { kind: 'distribution', unit: 'ms', n, distribution, samples: all };
  };
  const within = (stat: string, claim: Record<string, unknown>) =>
    buildGate({
      sli: { checker: 'a-checker', figure: 'figure', stat, over: 'max', count: 'observations' },
      claim: { kind: 'quantile', ...claim },
    });

  it('bounds the quantile of a distribution per trial, and uses the worst bound', () => {
    const p99 = within('p99', { quantile: 0.99, confidence: 0.95 });
    // 299 is the smallest number of samples whose largest value bounds the p99 with 95 % confidence.
    expect(evaluateGate(p99, [buildTrial(samples(299, 7)), buildTrial(samples(299, 9))], FULL)).toMatchObject(
      {
        state: 'PASS',
        bound: { kind: 'upper', value: 9, confidence: 0.95 },
      },
    );
    expect(
      evaluateGate(p99, [buildTrial(samples(299, 7)), buildTrial(samples(299, 101))], FULL),
    ).toMatchObject({
      state: 'INSUFFICIENT',
      bound: { value: 101 },
    });
    expect(evaluateGate(p99, [buildTrial(samples(299, 7)), buildTrial(samples(298, 7))], FULL)).toMatchObject(
      {
        state: 'INSUFFICIENT',
        bound: null,
        reason: expect.stringContaining('299 observations per trial are needed'),
      },
    );
  });

  it('uses the quantile and the confidence of the claim, not the statistic of the comparison', () => {
    const p95 = within('p99', { quantile: 0.95, confidence: 0.95 });
    expect(evaluateGate(p95, [buildTrial(samples(59, 7))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { value: 7 },
    });
    const p50 = within('p99', { quantile: 0.5, confidence: 0.95 });
    const half = evaluateGate(p50, [buildTrial(samples(299, 7))], FULL);
    expect(half.bound?.value).toBeCloseTo(
      quantileUpperBound(
        Array.from({ length: 299 }, (_, i) => i / 299),
        0.5,
        0.95,
      ) ?? 0,
      9,
    );
    expect(half.reason).toContain('the p50 is at most');
    const sure = within('p99', { quantile: 0.99, confidence: 0.99 });
    expect(evaluateGate(sure, [buildTrial(samples(299, 7))], FULL)).toMatchObject({
      state: 'INSUFFICIENT',
      bound: null,
    });
    expect(evaluateGate(sure, [buildTrial(samples(459, 7))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { value: 7, confidence: 0.99 },
    });
  });

  it('uses a lower bound if smaller values are worse', () => {
    const least = buildGate({
      sli: { checker: 'a-checker', figure: 'figure', over: 'min', count: 'trials' },
      target: { op: '>=', value: 5 },
      claim: { kind: 'quantile', quantile: 0.9, confidence: 0.95 },
    });
    expect(
      evaluateGate(
        least,
        buildTrials(29, (i) => valueFigure(5 + i)),
        FULL,
      ),
    ).toMatchObject({
      state: 'PASS',
      bound: { kind: 'lower', value: 5 },
    });
    expect(
      evaluateGate(
        least,
        buildTrials(28, (i) => valueFigure(5 + i)),
        FULL,
      ).state,
    ).toBe('INSUFFICIENT');
  });

  it('bounds a ratio on the side of its target', () => {
    const claim = { claim: { kind: 'proportion', confidence: 0.95 }, unit: 'ratio' };
    const sli = { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' };
    const good = buildGate({ ...claim, sli, target: { op: '>=', value: 0.999 } });
    expect(evaluateGate(good, [buildTrial(ratioFigure(3000, 3000))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { kind: 'lower' },
    });
    expect(evaluateGate(good, [buildTrial(ratioFigure(2000, 2000))], FULL)).toMatchObject({
      state: 'INSUFFICIENT',
      reason: expect.stringContaining('2000 observations are too few'),
    });
    const bad = buildGate({ ...claim, sli, target: { op: '<=', value: 0.001 } });
    expect(evaluateGate(bad, [buildTrial(ratioFigure(0, 3000))], FULL)).toMatchObject({
      state: 'PASS',
      bound: { kind: 'upper' },
    });
    expect(evaluateGate(bad, [buildTrial(ratioFigure(0, 2000))], FULL).state).toBe('INSUFFICIENT');
  });
});
