/** Calls of the cache's interface and their results as data, so that they pass between processes. */
import type { ComputeOptions, Durability } from '../../../client/index.ts';
import type { Json } from '../../history.ts';

export interface Call {
  readonly operation: Operation;
  /** Logical keys; for an invalidation the pattern or the domain, and none for tags. */
  readonly keys: readonly string[];
  /** Values to write, one per key; for a load the results of the loader. */
  readonly values?: readonly unknown[];
  readonly ttlSeconds?: number | null;
  readonly tags?: readonly string[];
  readonly durability?: Durability;
  /** Behaviour of the loader. */
  readonly load?: LoadPlan;
  /** Further options of a load. */
  readonly compute?: ComputeOptions;
}

/** Duration and outcome of a loader; default: it returns the call's value at once. */
export interface LoadPlan {
  readonly takesMs?: number;
  readonly outcome?: 'nothing' | 'error';
}

export type Operation =
  | 'get'
  | 'getEntry'
  | 'lookup'
  | 'getWithTtl'
  | 'ttl'
  | 'exists'
  | 'getMany'
  | 'lookupMany'
  | 'set'
  | 'setMany'
  | 'setIfAbsent'
  | 'expire'
  | 'delete'
  | 'getOrCompute'
  | 'getOrComputeMany'
  | 'wrap'
  | 'readThrough'
  | 'invalidateTags'
  | 'invalidatePattern'
  | 'invalidateDomain'
  | 'clear';

/** Result of a call. Values are texts (`value-text.ts`). */
export interface Performed {
  /** Values that a read returned, one per key; null is a miss. */
  readonly answers?: readonly (string | null)[];
  /** Sources that the cache reported, one per key or one per write. */
  readonly sources?: readonly string[];
  /** A count, a truth value, a TTL in seconds, the number of replicas, or `absent`. */
  readonly result?: Json;
  /** Keys that the loader was called for. */
  readonly loaded?: readonly string[];
  /** Code or name of the error that the call ended with. */
  readonly error?: string;
  readonly tookMs: number;
}

/** One of a trial's caches, in this process or in another one. */
export interface Caller {
  /** Name of the cache in expectations: `plain`, `tiered`, `process`. */
  readonly name: string;
  perform(call: Call): Promise<Performed>;
}
