/** Contract of the judge: the input to a look, the state of the judge, and the decision. All values are JSON. */
import type { CanaryConfig } from '../../config/canary.ts';
import type { EProcess } from './e-process.ts';
import type { Histogram } from './latency.ts';

export type Rules = Pick<CanaryConfig, 'flag' | 'rollout' | 'judge' | 'guard' | 'metrics'>;

/** Counts of one arm since the start of the generation. They never decrease. */
export interface ArmCounts {
  readonly requests: number;
  readonly failures: number;
  readonly hits: number;
  readonly misses: number;
  readonly latency: Histogram;
}

/** Distinct users of one arm since the start of the window. */
export interface ArmUsers {
  readonly seen: number;
  readonly affected: number;
}

/** Facts about the shared Redis. A fact that Redis does not report is null and does not count as a breach. */
export interface RedisFacts {
  /** Ratio of used memory to maxmemory. */
  readonly memoryRatio: number | null;
  /** Number of evicted keys since the server started. */
  readonly evictedKeys: number | null;
  readonly rejectedConnections: number | null;
  readonly pingMs: number | null;
}

export interface LookEvent {
  readonly type: 'look';
  readonly atMs: number;
  /** Generation and window of the counts. A look with a different generation or window is rejected. */
  readonly generation: number;
  readonly window: number;
  readonly arms: { readonly canary: ArmCounts; readonly control: ArmCounts };
  readonly users: { readonly canary: ArmUsers; readonly control: ArmUsers };
  readonly redis: RedisFacts;
  /** Number of processes that have reported. Above the configured limit, the counts are incomplete. */
  readonly processes: number;
}

/** An operator clears the rollback latch: the rollout starts again at the first stage. */
export interface ClearEvent {
  readonly type: 'clear';
  readonly atMs: number;
  readonly by: string;
}

export type CanaryEvent = LookEvent | ClearEvent;

export type Status = 'running' | 'paused' | 'rolled-back';

export type Verdict = 'hold' | 'promote' | 'rollback' | 'pause' | 'resume' | 'clear';

export interface JudgeState {
  readonly status: Status;
  /** Index in `rollout.stages`; it stays the same during a pause. */
  readonly stage: number;
  /** Increases with every change to the share, so that counts from two different shares are never mixed. */
  readonly generation: number;
  /** Increases when the sets of distinct users are emptied. */
  readonly window: number;
  readonly generationStartedAtMs: number | null;
  readonly windowStartedAtMs: number | null;
  readonly lastLookAtMs: number | null;
  /** Number of consecutive looks at which the counts were lower than at an earlier look. */
  readonly lowLooks: number;
  /** Counts at the last look of this generation. */
  readonly arms: { readonly canary: ArmCounts; readonly control: ArmCounts };
  readonly users: { readonly canary: ArmUsers; readonly control: ArmUsers };
  /** Number of failures in both arms when the window started. */
  readonly failuresBeforeWindow: number;
  /** Latencies of the control arm at past looks; the next look derives its threshold from them. */
  readonly pastControl: Histogram;
  /** Number of requests since the start of the generation that were slower than the threshold in force at the time. */
  readonly slow: {
    readonly canary: number;
    readonly control: number;
    readonly canaryN: number;
    readonly controlN: number;
  };
  readonly evidence: { readonly requests: EProcess; readonly users: EProcess; readonly slow: EProcess };
  readonly sampleRatioAlarm: boolean;
  readonly redis: RedisFacts | null;
  /** Number of consecutive looks, up to and including the last one, at which the guard was breached. */
  readonly breachLooks: number;
  /** Number of consecutive looks, up to and including the last one, at which the guard was not breached. */
  readonly clearLooks: number;
  /** Reason for the last change to the share. */
  readonly since: {
    readonly verdict: Verdict;
    readonly atMs: number;
    readonly reasons: readonly string[];
  } | null;
}

/** Figures for one look, as printed. */
export interface Figures {
  readonly canary: ArmFigures;
  readonly control: ArmFigures;
  readonly errorDelta: number | null;
  /** Upper bound of the error delta at the configured confidence. */
  readonly errorDeltaUpper: number;
  readonly slowDeltaUpper: number;
  /** E-values. A rollback requires an e-value of at least 1/alpha. */
  readonly evidence: { readonly requests: number; readonly users: number; readonly slow: number };
  readonly slowThresholdMs: number | null;
  readonly designEffect: number;
  readonly sampleRatioP: number;
}

export interface ArmFigures {
  readonly requests: number;
  readonly errorRatio: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly hitRatio: number | null;
  readonly users: number;
  readonly affectedUsers: number;
}

export interface Decision {
  readonly verdict: Verdict;
  /** Share of users assigned to the canary from now on, from 0 to 1. */
  readonly share: number;
  readonly status: Status;
  readonly reasons: readonly string[];
  readonly figures: Figures | null;
}
