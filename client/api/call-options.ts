/** Options of single calls, and the arguments of loaders. `types.ts` re-exports them. */
import type { Durability } from './connection.ts';
import type { StandardSchema } from './standard-schema.ts';

/** How a read validates a value. */
export interface ReadOptions<T = unknown> {
  /**
   * Validates the value on reads; a value that fails is purged and counts as a miss. So does an entry of another shape, if the schema has
   * a name for its shape (zod, arktype, joi: `schemaIdOf`). An entry without a name is validated.
   */
  readonly schema?: StandardSchema<T>;
  /**
   * Name of the shape of the value (`user@3`), instead of the name of the schema: an entry with another name, or none, is purged
   * and counts as a miss.
   */
  readonly schemaId?: string;
}

/** How a value is stored. */
export interface WriteOptions {
  /** Seconds; absent: the default; 0: not stored; null: no expiry; negative: an error. */
  readonly ttlSeconds?: number | null;
  /** Guarantee that an acknowledgement of this write gives; default: the `durability` of the cache. */
  readonly durability?: Durability;
  /** Schema whose shape is stored with the value, as a hash. Values are validated on reads, not here. Default: none. */
  readonly schema?: StandardSchema;
  /** Name of the shape of the value (`user@3`), stored with it instead of the name of the schema. */
  readonly schemaId?: string;
  /**
   * Tags of the entry, at most 64: invalidating one of them (`invalidateTags`) makes it a miss. Redis keeps the version of a tag for 30
   * days; an entry is a miss once one of its tags has another version, regardless of its TTL.
   */
  readonly tags?: readonly string[];
}

/**
 * Argument of a loader: an abort signal, and functions that control how the result is stored. Calls after the load have no
 * effect.
 */
export interface LoadContext {
  /** Aborted when the load exceeds its hard timeout; the reason is the `LoadTimeoutError`. */
  readonly signal: AbortSignal;
  /**
   * Sets the TTL of this result in seconds, instead of the TTL of the call and `negativeTtlSeconds`; null: no expiry; 0: not stored.
   *
   * @throws ConfigurationError not a valid TTL
   */
  readonly setTtlSeconds: (ttlSeconds: number | null) => void;
  /**
   * Adds tags to those of the call. Invalidations count from this call on; if this process invalidated one of the tags since the load
   * began, the result is not stored. Call and await it before the data is read if possible: an earlier invalidation by another process
   * is not noticed.
   *
   * @returns a promise that resolves when the versions of the tags are known; it never rejects
   * @throws ConfigurationError an invalid name of a tag
   * @throws SerializationError more than 64 tags
   */
  readonly addTags: (...tags: readonly string[]) => Promise<void>;
  /** Returns the result without storing it. */
  readonly skip: () => void;
}

/** Argument of a bulk loader. Calls without `forKey` apply to all keys. */
export interface LoadManyContext extends LoadContext {
  /** Returns the context of one of the keys. @throws ConfigurationError the key is not one of them */
  readonly forKey: (key: string) => LoadContext;
}

/**
 * Loads the value for `getOrCompute`. null, false, 0 and '' are ordinary values. `undefined` means that there is no value: it is
 * returned, and stored only if `negativeTtlSeconds` is set.
 */
export type Load<T> = (context: LoadContext) => Promise<T> | T;

/** When `getOrCompute` calls the loader, and what it returns meanwhile. A value is fresh until its TTL ends. */
export interface ComputeOptions {
  /** Seconds after the TTL in which a value is returned at once and refreshed in the background; default 0. */
  readonly staleWhileRevalidateSeconds?: number;
  /** Seconds after the TTL in which a value is returned if the loader fails or takes too long; default 0. */
  readonly graceSeconds?: number;
  /**
   * Pause of the loader, in ms, after a failed load that a stale value replaced. Doubles with each further failure, up to 30000
   * or the first pause if that is longer; default 1000.
   */
  readonly graceBackoffMs?: number;
  /** Time, in ms, after which a load continues in the background and a stale value (`graceSeconds`) is returned; default: none. */
  readonly softTimeoutMs?: number;
  /**
   * Maximum time, in ms, that a caller waits for a load of this or another process. Then the signal of the load is aborted, its
   * result is dropped, and a stale value is returned or `LoadTimeoutError` thrown; default: none.
   */
  readonly hardTimeoutMs?: number;
  /**
   * Refreshes before the TTL ends, with a probability that rises towards its end and with the duration of the load (beta of
   * XFetch): 1 is usual, higher is earlier, 0 is never; default 0.
   */
  readonly earlyRefresh?: number;
  /** Shortens each TTL by a random share of up to this value, so that entries stored together expire apart; 0 to 1; default 0. */
  readonly ttlJitter?: number;
  /**
   * Seconds for which `undefined` (no value) and null of a loader are stored; default: undefined is not stored, null like any
   * value.
   */
  readonly negativeTtlSeconds?: number;
}

/** Defaults of a cache for `getOrCompute`; a call may override them. */
export interface ComputeDefaults extends ComputeOptions {
  /**
   * Time, in ms, after which waiters take over from a loading process that died; renewed during the load. 0: no leases, every
   * process loads for itself; default 2000.
   */
  readonly leaseMs?: number;
  /**
   * Time, in ms, that a connected Redis may take to reply before a process loads without it and keeps the value in memory; at
   * least five times the usual latency; default 70. While a large value arrives or is sent, it counts from its last part.
   */
  readonly replyTimeoutMs?: number;
}

/** Options of one call of `getOrCompute`. Missing ones come from the cache (`compute`, `defaultTtlSeconds`, `durability`). */
export interface ComputeCallOptions<T> extends WriteOptions, ReadOptions<T>, ComputeOptions {
  /**
   * Validates an entry that is found; its shape is stored with the value. An entry of another shape is purged and counts as a
   * miss.
   */
  readonly schema?: StandardSchema<T>;
  /** Name of the shape of the value (`user@3`), instead of the name of the schema. */
  readonly schemaId?: string;
}
