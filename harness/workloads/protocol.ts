/**
 * Messages between the trial and a generator's thread. Plain data only. The history is not sent here: each generator
 * writes its own file.
 */
import type { Durability } from '../../config/schema.ts';
import type { ClientSpec } from './adapter.ts';
import type { ClosingRead, ClosingWrite } from './closing.ts';
import type { WrittenKey } from './issuer.ts';
import type { Parameters } from './parameters.ts';
import type { PartSource } from './part-source.ts';

export interface GeneratorSetup {
  readonly workload: string;
  /** Extension module of the workload; absent for a built-in workload. */
  readonly extension?: PartSource;
  readonly spec: ClientSpec;
  readonly durableWrites: Durability;
  readonly parameters: Parameters;
  readonly seed: number;
  readonly tag: string;
  readonly originNs: bigint;
  readonly historyPath: string;
  readonly inFlightBound: number;
}

export type ToGenerator =
  /** Start the schedule at `startUs`. */
  | { readonly type: 'go'; readonly startUs: number }
  /** A fault has been in effect since `atUs`: report when the first write that was intended later is acknowledged. */
  | { readonly type: 'injected'; readonly atUs: number }
  /** The closing phase: write with each write path, then read with each read path (`closing.ts`). */
  | { readonly type: 'close-write'; readonly round: number }
  | { readonly type: 'close-read'; readonly names: readonly string[] }
  /** Stop: wait up to the given time for operations in flight, then close the history and the client. */
  | { readonly type: 'stop'; readonly drainMs: number };

export type FromGenerator =
  /**
   * `threads`: paths of the `schedstat` files of the generator's thread and the client's, by name;
   * empty if the system has none.
   */
  | { readonly type: 'ready'; readonly threads: Readonly<Record<string, string>> }
  | { readonly type: 'recovered'; readonly atUs: number }
  | { readonly type: 'closing-written'; readonly writes: readonly ClosingWrite[] }
  | { readonly type: 'closing-read'; readonly reads: readonly ClosingRead[] }
  /** The workload has completed. */
  | { readonly type: 'finished' }
  | { readonly type: 'stopped'; readonly written: readonly WrittenKey[] }
  | { readonly type: 'failed'; readonly message: string };

/** The part of the MessagePort interface that the generator needs; worker threads and tests both have it. */
export interface Port {
  postMessage(message: FromGenerator): void;
  on(event: 'message', listener: (message: ToGenerator) => void): unknown;
}
