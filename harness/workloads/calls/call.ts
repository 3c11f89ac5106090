/** Calls to the cache's interface and their results as data, so that they can be sent between processes. */

export interface Call {
  readonly operation: Operation;
  /** Logical keys; empty for an invalidation by tags. */
  readonly keys: readonly string[];
  /** Values to write, one per key; for a load, the results of the loader. */
  readonly values?: readonly unknown[];
  readonly ttlSeconds?: number | null;
  readonly tags?: readonly string[];
  /** Seconds for which a load without a value is kept. */
  readonly negativeTtlSeconds?: number;
  /** Behaviour of the loader; default: it returns the call's value immediately. */
  readonly load?: { readonly takesMs?: number; readonly fails?: boolean };
}

export type Operation =
  | 'get'
  | 'getEntry'
  | 'lookup'
  | 'getWithTtl'
  | 'getMany'
  | 'lookupMany'
  | 'exists'
  | 'set'
  | 'setMany'
  | 'delete'
  | 'getOrCompute'
  | 'getOrComputeMany'
  | 'invalidateTags';

/** Result of a call. Values are texts (`value-text.ts`). */
export interface Performed {
  /** Values that a read returned, one per key; null on a miss. */
  readonly answers?: readonly (string | null)[];
  /** Sources reported by the cache. */
  readonly sources?: readonly string[];
  /**
   * Result of another call: a number of existing keys, deleted keys or replicas, a TTL in seconds (null: no expiry), or
   * the outcome of an invalidation.
   */
  readonly result?: number | string | null;
  /** Keys for which the loader was called. */
  readonly loaded?: readonly string[];
  /** Code or name of the error with which the call ended. */
  readonly error?: string;
  readonly tookMs: number;
}

/** One of a trial's caches, in this process or in another one. */
export interface Caller {
  /** Name of the cache in expectations: `plain`, `tiered`, `process`. */
  readonly name: string;
  perform(call: Call): Promise<Performed>;
}
