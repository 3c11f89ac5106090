/**
 * What the trial and a generator's thread say to each other. Plain data only. The history does not pass here: each
 * generator writes its own file.
 */
import type { Durability } from '../../config/schema.ts';
import type { ClientSpec } from './adapter.ts';
import type { WrittenKey } from './issuer.ts';
import type { Parameters } from './parameters.ts';

export interface GeneratorSetup {
  readonly workload: string;
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
  /** Begin the schedule at that time. */
  | { readonly type: 'go'; readonly startUs: number }
  /** A fault is in effect since then: say when the first write intended later is acknowledged. */
  | { readonly type: 'injected'; readonly atUs: number }
  /** Is the client alive: one write within the bound. */
  | { readonly type: 'probe'; readonly boundMs: number }
  /** End: wait so long for what is in flight, close the history and the client. */
  | { readonly type: 'stop'; readonly drainMs: number };

export type FromGenerator =
  /** `threads`: paths of the `schedstat` of the generator's thread and the client's, by name; empty where the system has none. */
  | { readonly type: 'ready'; readonly threads: Readonly<Record<string, string>> }
  | { readonly type: 'recovered'; readonly atUs: number }
  | { readonly type: 'probed'; readonly alive: boolean; readonly tookMs: number }
  /** The workload came to its own end. */
  | { readonly type: 'finished' }
  | { readonly type: 'stopped'; readonly written: readonly WrittenKey[] }
  | { readonly type: 'failed'; readonly message: string };

/** The side of a MessagePort that the generator needs; worker threads and tests both have it. */
export interface Port {
  postMessage(message: FromGenerator): void;
  on(event: 'message', listener: (message: ToGenerator) => void): unknown;
}
