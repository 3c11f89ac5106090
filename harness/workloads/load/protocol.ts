/**
 * Messages between the load driver and its threads, plain data only. A step is one rate of one mix. Its schedule
 * follows from the plan alone, so the driver can compute every intended time without asking the thread.
 */
import type { ClientSpec } from '../adapter.ts';

/** Kinds of operation; `readModifyWrite` is a get followed, once the reply has arrived, by a set of the same key. */
const LOAD_KINDS = ['get', 'set', 'readModifyWrite', 'getMany', 'setMany'] as const;
export type LoadKind = (typeof LOAD_KINDS)[number];

/** Share of each kind of operation in a step; the shares add up to 1. */
export type Mix = Readonly<Partial<Record<LoadKind, number>>>;

export interface StepPlan {
  readonly mix: Mix;
  /** Share of the operations that use the single most popular key, in addition to its Zipf share. */
  readonly hotShare: number;
  /** Number of operations of this thread, including the warm-up. */
  readonly count: number;
  /** Number of operations with the same intended time; 1 gives a Poisson process. */
  readonly burst: number;
  /** Maximum number of operations in flight; operations above this limit are dropped. */
  readonly inFlightBound: number;
  readonly seed: number;
  readonly startUs: number;
  /** Start of the measured time. */
  readonly fromUs: number;
  readonly endUs: number;
}

/** A step as requested by a workload. */
export interface StepRequest {
  /** Name of the mix in the report: `B`, `hot key`. */
  readonly name: string;
  readonly mix: Mix;
  readonly perSecond: number;
  readonly durationMs: number;
  /** Duration of the warm-up before the measured time, in ms, at the same rate. */
  readonly warmUpMs: number;
  readonly hotShare?: number;
  readonly burst?: number;
  /**
   * Maximum number of operations in flight per thread; operations above this limit are dropped. Default: the driver's
   * limit.
   */
  readonly inFlightBound?: number;
  /** Time, in ms, for operations in flight to complete after the end; default 1000. */
  readonly drainMs?: number;
}

export interface LoadSetup {
  readonly spec: ClientSpec;
  readonly originNs: bigint;
  /** Middle part of every key, the same for all threads. */
  readonly tag: string;
  /** Index of the thread, from 0, and the number of threads. */
  readonly place: number;
  readonly threads: number;
  /** Number of caches per thread; operations use the caches in turn. */
  readonly caches: number;
  readonly catalogue: number;
  readonly zipfExponent: number;
  readonly maxValueBytes: number;
  /** Number of keys in a batch. */
  readonly batch: number;
  readonly seed: number;
  /** One flag per thread: set while a tick is pending. */
  readonly ticking: SharedArrayBuffer;
}

/** Results of one thread, or of all threads together. */
export interface StepResult {
  /** Sums over the measured operations. */
  readonly counts: StepCounts;
  /** Texts of `HdrHistogram`s in microseconds, by `<measure>/<kind>`; `lag` is the lag of the generator itself. */
  readonly histograms: Readonly<Record<string, string>>;
}

export interface StepCounts {
  /** Number of operations sent to a cache. */
  readonly sent: number;
  /** Number of operations not sent because too many were in flight. */
  readonly dropped: number;
  /** Number of operations that Redis answered. */
  readonly answered: number;
  /** Number of operations that ended with an error, or that were answered by a source other than Redis. */
  readonly failed: number;
  /** Number of operations that read a value of another key. */
  readonly wrong: number;
  readonly reads: number;
  readonly hits: number;
  /**
   * Sum of the intended times of all operations that were sent or dropped, counted from the start of the measured time.
   */
  readonly intendedSumUs: number;
  /** CPU time of the threads, in ms; null if the system does not provide it. */
  readonly cpuMs: number | null;
}

/** Memory of a load thread after a garbage collection, in bytes. */
export interface HeapSample {
  readonly heapBytes: number;
  readonly externalBytes: number;
}

export type ToLoadThread =
  | { readonly type: 'prepare' }
  | { readonly type: 'step'; readonly plan: StepPlan; readonly drainMs: number }
  /** Collect garbage and report the heap size. */
  | { readonly type: 'sample' }
  | { readonly type: 'stop' };

export type FromLoadThread =
  | { readonly type: 'ready' }
  | { readonly type: 'prepared' }
  | { readonly type: 'stepped'; readonly result: StepResult }
  | { readonly type: 'sampled'; readonly heap: HeapSample }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly message: string };
