import { describe, expect, it } from 'vitest';
import { canary } from '../../../harness/checkers/canary.ts';
import { buildContext, buildHistory, type Events, figureNumber, observation } from './history-builders.ts';

const arms = (canaryFailures: number, controlFailures: number, canaryRequests = 1_000) =>
  observation(
    'workload',
    'canary-arms',
    100,
    { canaryRequests, canaryFailures, controlRequests: 4_000, controlFailures },
    { client: 'kit' },
  );
const check = (...events: readonly Events[]) => canary.check(buildHistory(...events), buildContext());

describe('the checker canary', () => {
  it('computes the difference between the error ratios of the two arms', () => {
    const finding = check(arms(20, 40));
    expect(figureNumber(finding, 'canaryErrorDelta')).toBeCloseTo(0.01, 9);
    expect(finding.figures.canaryErrorDelta?.n).toBe(5_000);
    expect(finding.reasons[0]).toMatch(/errors of the canary 2.00 %, of the control 1.00 %/);
  });

  it('sums the counts of all marks in a trial', () => {
    expect(figureNumber(check(arms(20, 0), arms(0, 0)), 'canaryErrorDelta')).toBeCloseTo(0.01, 9);
  });

  it.each([
    ['no request was counted', []],
    ['an arm had no request', [arms(0, 0, 0)]],
  ])('is unknown if %s', (_what, events) => {
    expect(check(...events)).toMatchObject({ validity: 'unknown', figures: {} });
  });
});
