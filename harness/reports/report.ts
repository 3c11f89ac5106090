/**
 * Input of every renderer: one value, computed from the evidence alone. `report.json` is this value. Renderers are pure
 * `(Report) → string`; none reads the clock, the disk or the locale.
 */
import type { RollbackLimits, RolloutLook } from '../../canary/report/rollout-view.ts';
import type { Distribution } from '../checkers/checker.ts';
import type { Manifest } from '../evidence/manifest.ts';
import type { Verdict } from '../gates/gate.ts';

/** A point of a time series: one bin of a trial. */
export interface TimelineBin {
  /** Start of the bin, in ms since the workload's start. */
  readonly tMs: number;
  readonly ok: number;
  readonly failed: number;
  /** Number of operations with an unknown outcome. */
  readonly info: number;
  /** Latency of the operations whose intended start lies in the bin; null if none completed. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Number of hits and misses among the reads that completed in the bin. */
  readonly hits: number;
  readonly misses: number;
}

/**
 * State of the machine during a trial, from samples taken by a separate thread. A value that the system does not
 * provide is null. Delays are in ms. Ratios are shares of the CPU time of all cores; `pressureRatio` is a share of the
 * elapsed time.
 */
export interface MachineView {
  /** Lateness of the generator's sends; null in a scripted drill. */
  readonly latenessP99Ms: number | null;
  readonly latenessMaxMs: number | null;
  /** Lateness of timers in an idle thread. */
  readonly timerP99Ms: number | null;
  readonly timerMaxMs: number | null;
  /** Round trip of a bare PING to the master, and the part of it that the machine added. */
  readonly controlP50Ms: number | null;
  readonly controlP99Ms: number | null;
  readonly controlMachineP99Ms: number | null;
  /** Longest bare fsync. */
  readonly diskMaxMs: number | null;
  /** Longest wait for a CPU in any 100 ms window: by a server, by the harness, and by the client. */
  readonly waitServerMaxMs: number | null;
  readonly waitHarnessMaxMs: number | null;
  readonly waitClientMaxMs: number | null;
  /** Longest delay of an event loop, including its own work. */
  readonly loopGeneratorMaxMs: number | null;
  readonly loopClientMaxMs: number | null;
  readonly stealRatio: number | null;
  readonly othersRatio: number | null;
  readonly runnablePerCore: number | null;
  readonly pressureRatio: number | null;
  /** One-minute load average. */
  readonly load: number | null;
  /** Names of signals that the system does not provide. */
  readonly unsampled: readonly string[];
  /** Criteria for which the trial is left out because the machine was too busy for a valid measurement. */
  readonly leftOutOf: readonly string[];
}

export interface TrialView {
  readonly drill: string;
  readonly title: string;
  readonly family: 'integration' | 'failover' | 'load' | 'capacity';
  readonly safeOutcome: string;
  readonly trial: number;
  /**
   * Round in which the trial ran; absent for round 1. Later rounds repeat trials in which the machine was too busy for
   * a valid measurement.
   */
  readonly round?: number;
  readonly status: 'completed' | 'not-measured' | 'failed';
  readonly reason?: string;
  /** Elapsed time of the trial, in ms; 0 for a trial that spans the run. */
  readonly durationMs: number;
  readonly binMs: number;
  /** Bins by client: `kit`, `ioredis`. */
  readonly timelines: Readonly<Record<string, readonly TimelineBin[]>>;
  /** Faults on the same clock: from the observed injection to the observed healing. */
  readonly faults: readonly {
    readonly fault: string;
    readonly node: string;
    readonly fromMs: number;
    readonly toMs: number | null;
  }[];
  /** Marks such as `+switch-master`, `first write after the fault`. */
  readonly marks: readonly { readonly label: string; readonly tMs: number }[];
  /**
   * Spans in which a node reported the master role, without an end if the span lasted to the end of the trial; absent
   * in reports of earlier versions. At most 100.
   */
  readonly masters?: readonly {
    readonly node: string;
    readonly fromMs: number;
    readonly toMs: number | null;
  }[];
  /**
   * Fault injections, healings, and events published by the sentinels, in order; absent in reports of earlier
   * versions. At most 120.
   */
  readonly events?: readonly {
    readonly tMs: number;
    readonly node: string;
    readonly source: 'fault' | 'sentinel';
    readonly label: string;
    readonly detail: string;
  }[];
  /** Latency over the whole trial by client and operation kind, with a histogram on fixed logarithmic buckets. */
  readonly latencies: readonly {
    readonly client: string;
    readonly kind: string;
    readonly n: number;
    readonly distribution: Distribution;
    /** Buckets, each with its upper bound in ms and its count. */
    readonly histogram: readonly { readonly upToMs: number; readonly count: number }[];
  }[];
  /** Every expectation of a scripted workload. */
  readonly expectations: readonly {
    readonly what: string;
    readonly expected: string;
    readonly actual: string;
    readonly held: boolean;
  }[];
  /** State of the machine during the trial; absent if it was not sampled. */
  readonly machine?: MachineView;
  /**
   * The looks (interim evaluations) of a canary rollout, in order, each with the time since the start of the rollout on
   * the drill's clock; absent in other drills. At most 500.
   */
  readonly canary?: { readonly limits: RollbackLimits; readonly looks: readonly RolloutLook[] };
}

/** Figures for one client (the kit's or a stock client) on the same topology and under the same faults. */
export interface ComparisonRow {
  readonly drill: string;
  readonly client: string;
  readonly trials: number;
  readonly writeGapMs: { readonly min: number; readonly median: number; readonly max: number } | null;
  readonly acknowledged: number;
  readonly acknowledgedLost: number;
  /** Number of lost durable writes; null if the client has no durable writes. */
  readonly durableLost: number | null;
  /** Number of INCRs and APPENDs that took effect more than once. */
  readonly appliedTwice: number;
  readonly longerThan1s: number;
  readonly deadClients: number;
}

export interface Report {
  readonly schema: 'redis-cache-kit/report/3';
  readonly run: Omit<Manifest, 'trials'>;
  readonly verdict: Verdict;
  readonly comparison: readonly ComparisonRow[];
  readonly trials: readonly TrialView[];
  /** Benchmarks as rows of text, such as the reproduced lines of 001: label, and value with its unit. */
  readonly benchmarks: readonly {
    readonly title: string;
    readonly rows: readonly { readonly label: string; readonly value: string }[];
  }[];
  /** Files that are missing or differ from the seal. */
  readonly integrity: { readonly missing: readonly string[]; readonly altered: readonly string[] };
}
