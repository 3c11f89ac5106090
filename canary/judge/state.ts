/** State of the judge: its initial state, and its state at the start of each generation and window. Pure. */
import { NEW_PROCESS, restarted } from './e-process.ts';
import type { ArmCounts, ArmUsers, JudgeState, Rules } from './types.ts';

const NO_COUNTS: ArmCounts = { requests: 0, failures: 0, hits: 0, misses: 0, latency: [] };
const NO_USERS: ArmUsers = { seen: 0, affected: 0 };

export const INITIAL_STATE: JudgeState = {
  status: 'running',
  stage: 0,
  generation: 1,
  window: 1,
  generationStartedAtMs: null,
  windowStartedAtMs: null,
  lastLookAtMs: null,
  lowLooks: 0,
  arms: { canary: NO_COUNTS, control: NO_COUNTS },
  users: { canary: NO_USERS, control: NO_USERS },
  failuresBeforeWindow: 0,
  pastControl: [],
  slow: { canary: 0, control: 0, canaryN: 0, controlN: 0 },
  evidence: { requests: NEW_PROCESS, users: NEW_PROCESS, slow: NEW_PROCESS },
  sampleRatioAlarm: false,
  redis: null,
  breachLooks: 0,
  clearLooks: 0,
  since: null,
};

/** Returns the share of users assigned to the canary, from 0 to 1. */
export function shareOf({ rollout }: Pick<Rules, 'rollout'>, { status, stage }: JudgeState): number {
  return status === 'running' ? (rollout.stages[stage] ?? 0) / 100 : 0;
}

/**
 * Returns the state after a change to the share: counts, users and evidence restart from 0; the past latencies of the
 * control arm remain.
 */
export function nextGeneration(
  state: JudgeState,
  change: Pick<JudgeState, 'status' | 'stage' | 'since'>,
): JudgeState {
  return {
    ...INITIAL_STATE,
    ...change,
    generation: state.generation + 1,
    pastControl: state.pastControl,
    redis: state.redis,
    lastLookAtMs: state.lastLookAtMs,
  };
}

/**
 * Returns the state at the start of a window, with empty sets of distinct users, and with the evidence from affected
 * users reset.
 */
export function nextWindow(state: JudgeState): JudgeState {
  return {
    ...state,
    window: state.window + 1,
    windowStartedAtMs: state.lastLookAtMs,
    users: { canary: NO_USERS, control: NO_USERS },
    failuresBeforeWindow: state.arms.canary.failures + state.arms.control.failures,
    evidence: { ...state.evidence, users: restarted(state.evidence.users) },
  };
}
