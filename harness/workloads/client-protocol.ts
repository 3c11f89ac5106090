/**
 * Messages between a generator and the thread of its client. Plain data only. Times are on the run's clock and are
 * taken in the client's thread: the time of an answer is the time at which the client resolved it.
 */
import type { OperationKind } from '../history/events.ts';
import type { Adapter, Answer, ClientSpec, Encoding, Failure } from './adapter.ts';

export interface ClientSetup {
  readonly spec: ClientSpec;
  readonly originNs: bigint;
}

/** Adapter operations whose arguments are plain data and that resolve with an answer. */
export type Call = 'set' | 'get' | 'incr' | 'append' | 'getMany' | 'setMany' | 'delete';

export type ToClient =
  | { readonly type: 'ready'; readonly id: number }
  | {
      readonly type: 'call';
      readonly id: number;
      readonly kind: OperationKind;
      readonly call: Call;
      readonly args: Parameters<NonNullable<Adapter[Call]>>;
    }
  | { readonly type: 'compute'; readonly id: number; readonly key: string }
  /** Result of the loader for the `compute` with this id; the loader runs in the generator's thread. */
  | { readonly type: 'loaded'; readonly id: number; readonly value: string }
  | { readonly type: 'load-failed'; readonly id: number; readonly message: string }
  | { readonly type: 'close'; readonly id: number };

export type FromClient =
  /**
   * The client has been created, but is not necessarily connected. `thread` is the path of its `schedstat`; undefined
   * if the system has none.
   */
  | {
      readonly type: 'opened';
      readonly durable: boolean;
      /** Whether the client can delete keys. */
      readonly deletes: boolean;
      readonly encoding: Encoding;
      /** Prefix of every physical key. */
      readonly prefix: string;
      readonly thread: string | undefined;
    }
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer & { readonly atUs: number } }
  | { readonly type: 'failure'; readonly id: number; readonly failure: Failure & { readonly atUs: number } }
  | { readonly type: 'load'; readonly id: number }
  | {
      readonly type: 'event';
      readonly name: string;
      readonly atUs: number;
      readonly data: Readonly<Record<string, string | number | boolean | null>>;
    };
