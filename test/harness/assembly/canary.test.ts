import { expect, it } from 'vitest';
import { assembleCanary } from '../../../harness/assembly/canary.ts';
import { buildHistory, observation } from '../checkers/history-builders.ts';

const LIMITS = { users: 40, slow: 40 };
const arm = (name: string) => ({
  ...{ [`${name}.requests`]: 100, [`${name}.errorRatio`]: 0.01, [`${name}.p50Ms`]: 5, [`${name}.p95Ms`]: 25 },
  ...{ [`${name}.hitRatio`]: null, [`${name}.users`]: 80, [`${name}.affectedUsers`]: 1 },
});
const look = (elapsedMs: number, verdict: string, figures: boolean) =>
  observation('workload', 'canary-look', elapsedMs, {
    ...{ elapsedMs, verdict, status: 'running', share: 0.2, reasons: 'first\nsecond' },
    ...(figures
      ? {
          ...{ ...arm('canary'), ...arm('control'), evidenceUsers: 1.5, evidenceSlow: 0.2 },
          ...{ evidenceRequests: 1.1, errorDeltaUpper: 0.02, slowDeltaUpper: 0.04 },
        }
      : { 'canary.requests': null }),
  });

it('the interim analyses of a rollout are assembled in order, with both arms', () => {
  const history = buildHistory(
    observation('workload', 'canary-limits', 0, LIMITS),
    look(10, 'hold', true),
    look(20, 'clear', false),
  );
  const rollout = assembleCanary(history);
  expect(rollout?.limits).toEqual(LIMITS);
  expect(rollout?.looks.map(({ atMs, decision }) => [atMs, decision.verdict, decision.reasons])).toEqual([
    [10, 'hold', ['first', 'second']],
    [20, 'clear', ['first', 'second']],
  ]);
  const [first, second] = rollout?.looks ?? [];
  const figures = { requests: 100, errorRatio: 0.01, p50Ms: 5, p95Ms: 25, hitRatio: null, users: 80 };
  expect(first?.decision.figures).toMatchObject({
    ...{ canary: figures, control: figures, evidence: { users: 1.5, slow: 0.2, requests: 1.1 } },
    ...{ errorDeltaUpper: 0.02, slowDeltaUpper: 0.04 },
  });
  expect(second?.decision.figures).toBeNull();
});

it('a trial without a rollout has no interim analyses', () => {
  expect(assembleCanary(buildHistory())).toBeUndefined();
  expect(assembleCanary(buildHistory(look(10, 'hold', true)))).toBeUndefined();
});
