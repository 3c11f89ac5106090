/** Criteria applied at each look: reasons to roll back, and reasons to hold. Pure. */
import { proportionLowerBound } from '../../harness/statistics/bounds.ts';
import type { Bounds, Evidence } from './figures.ts';
import type { JudgeState, Rules } from './types.ts';

/** E-value at or above which a look triggers a rollback: 1/alpha, rounded for display. */
export function limitOf(alpha: number): number {
  return Number((1 / alpha).toPrecision(3));
}

/** Returns descriptions of the proven harms; empty if there are none. */
export function harmsOf({ judge }: Rules, evidence: Evidence): readonly string[] {
  const reasons: string[] = [];
  if (evidence.users >= -Math.log(judge.errorAlpha)) {
    reasons.push(
      `errors affect more users in the canary than in the control: e-value ${inWords(evidence.users)}, limit ${limitOf(judge.errorAlpha)}`,
    );
  }
  if (evidence.slow >= -Math.log(judge.latencyAlpha)) {
    reasons.push(
      `the canary is slower: e-value ${inWords(evidence.slow)} for requests above the control's past p95, limit ${limitOf(judge.latencyAlpha)}`,
    );
  }
  return reasons;
}

/** Returns the reasons why the stage is not promoted; empty if there are none. */
export function holdsOf(rules: Rules, state: JudgeState, evidence: Evidence): readonly string[] {
  return [...exposureHolds(rules, state), ...evidenceHolds(rules, evidence), ...hitRatioHolds(rules, state)];
}

function exposureHolds({ rollout }: Rules, state: JudgeState): readonly string[] {
  const { arms, generationStartedAtMs, lastLookAtMs } = state;
  const seconds = ((lastLookAtMs ?? 0) - (generationStartedAtMs ?? 0)) / 1000;
  return [
    ...(seconds < rollout.minStageSeconds
      ? [`${Math.floor(seconds)} s in this stage, at least ${rollout.minStageSeconds} needed`]
      : []),
    ...(arms.canary.requests < rollout.minRequests
      ? [`${arms.canary.requests} requests of the canary, at least ${rollout.minRequests} needed`]
      : []),
    ...(state.sampleRatioAlarm
      ? ['sample-ratio alarm: the share of users differs from that of the stage; check the assignment']
      : []),
  ];
}

function evidenceHolds({ judge }: Rules, evidence: Evidence): readonly string[] {
  const limit = Math.log(judge.holdAtEvidence);
  const named = {
    requests: 'errors per request (concentrated on a few users)',
    users: 'users with errors',
    slow: 'slow requests',
  };
  return (['requests', 'users', 'slow'] as const)
    .filter((kind) => evidence[kind] >= limit)
    .map((kind) => `evidence against the canary in ${named[kind]}: e-value ${inWords(evidence[kind])}`);
}

function hitRatioHolds({ judge }: Rules, { arms }: JudgeState): readonly string[] {
  if (judge.hitRatioMin === 0) return [];
  const { hits, misses } = arms.canary;
  const lookups = hits + misses;
  if (lookups < judge.hitRatioMinLookups)
    return [`${lookups} lookups of the canary, at least ${judge.hitRatioMinLookups} needed`];
  const lower = proportionLowerBound(hits, lookups, judge.confidence);
  return lower >= judge.hitRatioMin
    ? []
    : [`hit ratio of at least ${lower.toFixed(3)}, target >= ${judge.hitRatioMin}`];
}

/** Returns the reasons why the bounds, which are expensive to compute, do not allow a promotion. */
export function unprovenOf({ judge }: Rules, { errorDeltaUpper, slowDeltaUpper }: Bounds): readonly string[] {
  const points = (ratio: number) => `${(ratio * 100).toFixed(2)} points`;
  return [
    ...(errorDeltaUpper < judge.errorMargin
      ? []
      : [`error delta of up to ${points(errorDeltaUpper)}, target < ${points(judge.errorMargin)}`]),
    ...(slowDeltaUpper < judge.slowMargin
      ? []
      : [
          `share of slow requests up to ${points(slowDeltaUpper)} higher, target < ${points(judge.slowMargin)}`,
        ]),
  ];
}

function inWords(log: number): string {
  return log > Math.log(1e12) ? '> 1e12' : String(Number(Math.exp(log).toPrecision(3)));
}
