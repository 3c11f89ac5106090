/** Options for individual calls, and the arguments passed to loaders. Re-exported by `types.ts`. */
import type { Durability } from './connection.ts';
import type { StandardSchema } from './standard-schema.ts';

/** Read options that validate the stored value. */
export interface ReadOptions<T = unknown> {
  /**
   * Validates the value on reads; a value that fails validation is purged and counts as a miss. If the schema has a
   * name for its shape (zod, arktype, joi: `schemaIdOf`), an entry that was stored with a different shape is also
   * purged and counts as a miss. An entry without a shape name is validated.
   */
  readonly schema?: StandardSchema<T>;
  /**
   * Name of the value's shape (`user@3`), used instead of the schema's name. An entry with a different name, or with
   * none, is purged and counts as a miss.
   */
  readonly schemaId?: string;
}

/** Options for a write. */
export interface WriteOptions {
  /**
   * TTL in seconds. Default: the cache's TTL. null means no expiry; 0 means that the value is not stored; a negative
   * TTL is an error.
   */
  readonly ttlSeconds?: number | null;
  /** Guarantee given by an acknowledgement of this write; default: the cache's `durability`. */
  readonly durability?: Durability;
  /**
   * Schema whose shape is stored with the value, as a hash. The schema validates values on reads, not on writes.
   * Default: none.
   */
  readonly schema?: StandardSchema;
  /** Name of the value's shape (`user@3`), stored with the value instead of the schema's name. */
  readonly schemaId?: string;
  /**
   * Tags of the entry, at most 64: invalidating one of them (`invalidateTags`) invalidates the entry. Redis keeps the
   * version of a tag for 30 days; an entry is a miss once the version of any of its tags has changed, regardless of its
   * TTL.
   */
  readonly tags?: readonly string[];
}

/**
 * Argument of a loader: an abort signal, and functions that control how the result is stored. Calling them after the
 * load has ended has no effect.
 */
export interface LoadContext {
  /** Aborted when the load exceeds its hard timeout; the reason is the `LoadTimeoutError`. */
  readonly signal: AbortSignal;
  /**
   * Sets the TTL of this result in seconds; overrides the call's TTL and `negativeTtlSeconds`. null means no expiry; 0
   * means that the result is not stored.
   *
   * @throws ConfigurationError if the TTL is invalid
   */
  readonly setTtlSeconds: (ttlSeconds: number | null) => void;
  /**
   * Adds tags to those of the `getOrCompute` call. Once this function has been called, invalidations of these tags take
   * effect. If this process has already invalidated one of the tags since the load began, the result is not stored. If
   * possible, call and await this function before reading the data, because an invalidation by another process before
   * this call is not detected.
   *
   * @returns a promise that resolves when the versions of the tags are known; it never rejects
   * @throws ConfigurationError if the name of a tag is invalid
   * @throws SerializationError if there are more than 64 tags
   */
  readonly addTags: (...tags: readonly string[]) => Promise<void>;
  /** Prevents the result from being stored. The caller still receives it. */
  readonly skip: () => void;
}

/** Argument of a bulk loader. Calls without `forKey` apply to all keys. */
export interface LoadManyContext extends LoadContext {
  /** Returns the context for one of the keys. @throws ConfigurationError if the key is not one of the keys to load */
  readonly forKey: (key: string) => LoadContext;
}

/**
 * Loads the value for `getOrCompute`. null, false, 0 and '' are ordinary values. `undefined` means that there is no
 * value: it is returned, and stored only if `negativeTtlSeconds` is set.
 */
export type Load<T> = (context: LoadContext) => Promise<T> | T;

/**
 * Options that control when `getOrCompute` calls the loader, and which value it returns in the meantime. A value is
 * fresh until its TTL expires.
 */
export interface ComputeOptions {
  /**
   * Number of seconds after TTL expiry during which a value is returned at once and refreshed in the background;
   * default 0.
   */
  readonly staleWhileRevalidateSeconds?: number;
  /**
   * Number of seconds after TTL expiry during which the stale value is returned if the loader fails or takes too long;
   * default 0.
   */
  readonly graceSeconds?: number;
  /**
   * Time, in ms, to wait before the loader is called again after a load has failed and a stale value was returned.
   * Doubles with each subsequent failure, up to 30000 or this value, whichever is greater; default 1000.
   */
  readonly graceBackoffMs?: number;
  /**
   * Time, in ms, after which a stale value (`graceSeconds`) is returned while the load continues in the background;
   * default: none.
   */
  readonly softTimeoutMs?: number;
  /**
   * Maximum time, in ms, that a caller waits for a load in this or another process. After this time, the signal of the
   * load is aborted, its result is discarded, and a stale value is returned or `LoadTimeoutError` is thrown; default:
   * none.
   */
  readonly hardTimeoutMs?: number;
  /**
   * Refreshes a value before its TTL expires. The probability of a refresh rises as expiry approaches, and is higher
   * for slower loads. The value is the beta of XFetch: 1 is usual, a higher value refreshes earlier, 0 never refreshes
   * early; default 0.
   */
  readonly earlyRefresh?: number;
  /**
   * Shortens each TTL by a random fraction, at most this value, so that entries stored together expire at different
   * times; 0 to 1; default 0.
   */
  readonly ttlJitter?: number;
  /**
   * Seconds for which `undefined` (no value) and null are stored when a loader returns them; default: undefined is not
   * stored, null is stored like any value.
   */
  readonly negativeTtlSeconds?: number;
}

/** Defaults of a cache for `getOrCompute`; the options of a call override them. */
export interface ComputeDefaults extends ComputeOptions {
  /**
   * Time, in ms, after which waiters take over from a loading process that died. The lease is renewed during the load.
   * 0: no leases, so every process loads for itself; default 2000.
   */
  readonly leaseMs?: number;
  /**
   * Time, in ms, that a connected Redis may take to reply before a process loads without Redis and keeps the value in
   * memory; default 70. The limit in effect is never less than five times the usual latency. While a large value is
   * being sent or received, the time restarts with each part.
   */
  readonly replyTimeoutMs?: number;
}

/**
 * Options for one call to `getOrCompute`. An option that is not set takes its value from the cache options (`compute`,
 * `defaultTtlSeconds`, `durability`).
 */
export interface ComputeCallOptions<T> extends WriteOptions, ReadOptions<T>, ComputeOptions {
  /**
   * Validates an entry that is found. The schema's shape is stored with the value; an entry with a different shape is
   * purged and counts as a miss.
   */
  readonly schema?: StandardSchema<T>;
  /** Name of the value's shape (`user@3`), used instead of the schema's name. */
  readonly schemaId?: string;
}
