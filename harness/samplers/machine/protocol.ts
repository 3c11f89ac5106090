/** Messages between the run and the thread that samples the machine. Plain data only. */
import type { ControlTarget } from './control.ts';

/** Paths of `schedstat` files by thread name: `redis-1`, `client-kit`. */
export type WatchedThreads = Readonly<Record<string, string>>;

export interface WatchRequest {
  readonly historyPath: string;
  readonly originNs: bigint;
  /** Target of the control measurement; undefined if there is no master. */
  readonly control: ControlTarget | undefined;
  /** Name, in `threads`, of the server thread that the control measures. */
  readonly controlThread: string | undefined;
  /** Process ID of the port forwarder between the control measurement and the server; undefined if there is none. */
  readonly controlForwarder: number | undefined;
  readonly threads: WatchedThreads;
}

export type ToWatch =
  | { readonly type: 'begin'; readonly request: WatchRequest }
  /** Adds threads, or replaces them by name. */
  | { readonly type: 'threads'; readonly threads: WatchedThreads }
  | { readonly type: 'end' };

export type FromWatch =
  | { readonly type: 'begun' }
  /** The process of a watched thread has ended. */
  | { readonly type: 'gone'; readonly name: string }
  | { readonly type: 'ended'; readonly error?: string };
