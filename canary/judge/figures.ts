/** Computes the figures for a look from the state after that look. Pure. */
import { BUCKETS_MS } from '../../harness/statistics/histogram.ts';
import { roundNumbers } from '../../harness/statistics/round.ts';
import { logEvidence } from './e-process.ts';
import { quantileMs } from './latency.ts';
import { slowBucket } from './observe.ts';
import { deltaUpperBound, designEffect } from './proof.ts';
import { sampleRatioP } from './sample-ratio.ts';
import { shareOf } from './state.ts';
import type { ArmCounts, ArmFigures, ArmUsers, Figures, JudgeState, Rules } from './types.ts';

/** Largest printed e-value: a larger one adds no information, and JSON has no infinity. */
const MOST_EVIDENCE = 1e12;

/** Unrounded values on which the decision is based. They are cheap enough to compute at every look. */
export interface Evidence {
  readonly requests: number;
  readonly users: number;
  readonly slow: number;
}

/** Returns the natural logarithms of the e-values. */
export function evidenceOf({ evidence }: JudgeState): Evidence {
  return {
    requests: logEvidence(evidence.requests),
    users: logEvidence(evidence.users),
    slow: logEvidence(evidence.slow),
  };
}

export interface Bounds {
  readonly effect: number;
  readonly errorDeltaUpper: number;
  readonly slowDeltaUpper: number;
}

export function boundsOf({ judge }: Rules, state: JudgeState): Bounds {
  const { arms, users, slow } = state;
  const failures = arms.canary.failures + arms.control.failures - state.failuresBeforeWindow;
  const effect = designEffect(failures, users.canary.affected + users.control.affected);
  return {
    effect,
    errorDeltaUpper: deltaUpperBound(
      { events: arms.canary.failures, n: arms.canary.requests },
      { events: arms.control.failures, n: arms.control.requests },
      judge.confidence,
      effect,
    ),
    slowDeltaUpper: deltaUpperBound(
      { events: slow.canary, n: slow.canaryN },
      { events: slow.control, n: slow.controlN },
      judge.confidence,
    ),
  };
}

/** Returns the p-value of the sample-ratio test, or 1 if there is no share to test. */
export function sampleRatioOf(rules: Rules, state: JudgeState): number {
  const { canary, control } = state.users;
  return sampleRatioP(canary.seen, canary.seen + control.seen, shareOf(rules, state));
}

export function figuresOf(rules: Rules, before: JudgeState, state: JudgeState, bounds: Bounds): Figures {
  const { arms, users } = state;
  const evidence = evidenceOf(state);
  const canary = armFigures(arms.canary, users.canary);
  const control = armFigures(arms.control, users.control);
  const threshold = slowBucket(before.pastControl);
  return roundNumbers({
    canary,
    control,
    errorDelta:
      canary.errorRatio === null || control.errorRatio === null
        ? null
        : canary.errorRatio - control.errorRatio,
    errorDeltaUpper: bounds.errorDeltaUpper,
    slowDeltaUpper: bounds.slowDeltaUpper,
    evidence: {
      requests: printedEvidence(evidence.requests),
      users: printedEvidence(evidence.users),
      slow: printedEvidence(evidence.slow),
    },
    slowThresholdMs: threshold === undefined ? null : (BUCKETS_MS[threshold] ?? null),
    designEffect: bounds.effect,
    sampleRatioP: sampleRatioOf(rules, state),
  });
}

function printedEvidence(log: number): number {
  return Math.min(MOST_EVIDENCE, Math.exp(log));
}

function armFigures(counts: ArmCounts, users: ArmUsers): ArmFigures {
  const lookups = counts.hits + counts.misses;
  return {
    requests: counts.requests,
    errorRatio: counts.requests === 0 ? null : counts.failures / counts.requests,
    p50Ms: quantileMs(counts.latency, 0.5),
    p95Ms: quantileMs(counts.latency, 0.95),
    hitRatio: lookups === 0 ? null : counts.hits / lookups,
    users: users.seen,
    affectedUsers: users.affected,
  };
}
