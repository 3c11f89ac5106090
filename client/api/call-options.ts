/** Options of single calls, and what a loader is given. `types.ts` gives them on. */
import type { Durability } from './connection.ts';
import type { StandardSchema } from './standard-schema.ts';

/** How a read validates a value. */
export interface ReadOptions<T = unknown> {
  /**
   * The value is validated on read; one that fails is purged and is a miss. So is an entry that was written under another
   * shape, where the schema says its own (zod, arktype, joi: `schemaIdOf`); one that was written under none is validated.
   */
  readonly schema?: StandardSchema<T>;
  /** Name of the value's shape (`user@3`), instead of the schema's own: an entry under another, or under none, is purged and is
   * a miss. */
  readonly schemaId?: string;
}

/** How a value is stored. */
export interface WriteOptions {
  /** Seconds; absent: the default; 0: do not store; null: no expiry; negative: an error. */
  readonly ttlSeconds?: number | null;
  /** Guarantee that an acknowledgement of this write gives; default: the `durability` of the cache. */
  readonly durability?: Durability;
  /** Schema whose shape is stored with the value, as a hash. Values are validated on reads, not here. Default: none. */
  readonly schema?: StandardSchema;
  /** Name of the value's shape (`user@3`), kept beside the value instead of the schema's own. */
  readonly schemaId?: string;
  /**
   * The entry is invalidated with any of them (`invalidateTags`); at most 64. Redis keeps the version of a tag for 30 days: whatever its
   * TTL, an entry is a miss once one of its tags gets another version.
   */
  readonly tags?: readonly string[];
}

/** A loader's argument: the signal, and how its result is stored. Calls after the load have no effect. */
export interface LoadContext {
  /** Aborted when the load is given up because its hard timeout is over; the reason is the `LoadTimeoutError`. */
  readonly signal: AbortSignal;
  /**
   * TTL of this result in seconds, instead of the call's and of `negativeTtlSeconds`; null: no expiry; 0: not stored.
   *
   * @throws ConfigurationError not such a number
   */
  readonly setTtlSeconds: (ttlSeconds: number | null) => void;
  /**
   * Tags of this result, beside those of the call. Invalidations count from the moment of this call; where this process invalidated one
   * of the tags since the load began, the result is not stored. Call and await it before the data is read, where that is possible: an
   * earlier invalidation by another process goes unnoticed.
   *
   * @returns once the versions of the tags are taken; never rejects
   * @throws ConfigurationError a name is no tag
   * @throws SerializationError more than 64 tags
   */
  readonly addTags: (...tags: readonly string[]) => Promise<void>;
  /** The result is returned, and not stored. */
  readonly skip: () => void;
}

/** The argument of a loader of many keys. Without `forKey` its calls are for all keys. */
export interface LoadManyContext extends LoadContext {
  /** The context of one of the keys. @throws ConfigurationError it is none of them */
  readonly forKey: (key: string) => LoadContext;
}

/**
 * Loads the value for `getOrCompute`. null, false, 0 and '' are ordinary values. `undefined` means that there is no value: it is
 * returned, and stored only if `negativeTtlSeconds` is set.
 */
export type Load<T> = (context: LoadContext) => Promise<T> | T;

/** When `getOrCompute` calls the loader, and what it returns meanwhile. A TTL is how long a value is fresh. */
export interface ComputeOptions {
  /** Past its TTL a value is returned at once for so many seconds, and refreshed in the background; default 0. */
  readonly staleWhileRevalidateSeconds?: number;
  /** Past its TTL a value is returned for so many seconds where the loader fails or takes too long; default 0. */
  readonly graceSeconds?: number;
  /** After a load that failed with a stale value behind it the loader rests so long, in ms, twice as long after each
   * further failure, at most 30000 or as long as the first; default 1000. */
  readonly graceBackoffMs?: number;
  /** A load that takes longer, in ms, goes on in the background, and a stale value (`graceSeconds`) is returned; default: none. */
  readonly softTimeoutMs?: number;
  /** Longest time, in ms, that a caller waits for a load, its own or another process's; then the load's signal is aborted,
   * its result dropped, and the stale value returned or `LoadTimeoutError` thrown; default: none. */
  readonly hardTimeoutMs?: number;
  /** Refreshes before the TTL is over, the likelier the nearer its end and the slower the load (XFetch's beta): 1 is usual, more
   * is earlier, 0 is never; default 0. */
  readonly earlyRefresh?: number;
  /** Shortens each TTL by a random share of up to this value, so that entries stored together expire apart; 0 to 1; default 0. */
  readonly ttlJitter?: number;
  /** Stores `undefined` ("there is nothing") and null of a loader for so many seconds; default: undefined is not stored, null as
   * any value. */
  readonly negativeTtlSeconds?: number;
}

/** Defaults of a cache for `getOrCompute`; a call may override them. */
export interface ComputeDefaults extends ComputeOptions {
  /** Time, in ms, after which waiters take over from a loading process that died; renewed during the load. 0: no leases, every process loads for itself; default 2000. */
  readonly leaseMs?: number;
  /** How long a connected Redis may take to answer before a process loads for itself and keeps the value in memory, in ms; five
   * times the usual answer's time where that is longer; default 70. While a large value is arriving, or being sent, it counts from
   * the last part of it. */
  readonly patienceMs?: number;
}

/** Options of one call of `getOrCompute`. Missing ones come from the cache (`compute`, `defaultTtlSeconds`, `durability`). */
export interface ComputeCallOptions<T> extends WriteOptions, ReadOptions<T>, ComputeOptions {
  /** Validates an entry that is found; its shape is stored with the value. An entry of another shape is purged and counts as a miss. */
  readonly schema?: StandardSchema<T>;
  /** Name of the value's shape (`user@3`), instead of the schema's own. */
  readonly schemaId?: string;
}
