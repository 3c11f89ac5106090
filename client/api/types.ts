import type {
  ComputeCallOptions,
  ComputeDefaults,
  Load,
  LoadManyContext,
  ReadOptions,
  WriteOptions,
} from './call-options.ts';
import type { Codec, CodecName, CodecRule } from './codec.ts';
import type { ConnectionEvent, Durability, SupervisedConnection } from './connection.ts';
import type { DomainPatterns, Invalidation, InvalidationReceipt, Names } from './invalidation.ts';
import type { MetricFamily } from './metrics.ts';

export type * from './call-options.ts';
export type * from './connection.ts';
export type { StandardResult, StandardSchema } from './standard-schema.ts';

/** Options for the circuit breaker, which stops calls to Redis while Redis keeps failing. */
export interface BreakerOptions {
  /** false: every operation calls Redis, even after many failures; default true. */
  readonly enabled?: boolean;
  /** Number of consecutive failures after which the breaker opens; default 5. */
  readonly threshold?: number;
  /** Also opens the breaker if a large share of the calls fails, even if some succeed. Default: off. */
  readonly sampling?: {
    /** Ratio of failures to calls, above 0 and up to 1; default 0.5. */
    readonly failureRatio?: number;
    /** Minimum number of calls in the window; default 20. */
    readonly minCalls?: number;
    /** Length of the window, in ms; default 10000. */
    readonly windowMs?: number;
  };
  /**
   * Maximum time that the breaker stays open, in ms, at most 60000 (default); a successful background probe half-opens
   * it earlier.
   */
  readonly openMs?: number;
  /** Time between two probes of an open breaker, in ms; default 500. */
  readonly probeIntervalMs?: number;
}

/** State of the circuit breaker. `since` and `until` are Unix times in ms; `cause` is the last failure. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly since: number; readonly until: number; readonly cause: string }
  | { readonly kind: 'half-open'; readonly since: number };

/**
 * Options for the first tier, which keeps entries in this process and drops them as soon as any client changes them in
 * Redis.
 */
export interface L1Options {
  /** Maximum number of entries; entries without recent reads are evicted first; default 10000. */
  readonly maxEntries?: number;
  /**
   * Maximum memory in bytes, 1 to 10^12; default 67108864 (64 MiB). The size of an entry is estimated from its key, its
   * encoded value and, for its decoded value, three bytes per byte of JSON. An entry larger than the maximum is not
   * kept.
   */
  readonly maxBytes?: number;
  /** Maximum time, in seconds, for which an entry is served before it is read from Redis again; default 60. */
  readonly ttlSeconds?: number;
  /**
   * Prefixes of the keys to keep; default: all keys. Redis notifies every process with a first tier about each write to
   * such a key, so excluding keys that are often written but rarely read saves work. `['v']` covers all keys that are
   * built by `wrap`, or by `buildKey` without a `namespace`, and excludes leases and shared statistics.
   */
  readonly prefixes?: readonly string[];
  /** Maximum time, in ms, that an overwritten value may be served, even if connections fail; default 500. */
  readonly boundMs?: number;
}

/**
 * Options for procedures that consist of several commands. The client uses the first of these methods that the server
 * and the ACL user allow: functions (FCALL, Redis 7.0 and later), one script (EVALSHA), plain commands (more commands
 * per load).
 */
export interface ScriptingOptions {
  /** Loads the function library `redis_cache_kit_2` (FUNCTION LOAD) if the server lacks it; default true. */
  readonly loadFunctions?: boolean;
  /** Uses a script (EVALSHA, EVAL, SCRIPT LOAD) if functions are not available; default true. */
  readonly evalScripts?: boolean;
}

/**
 * Options that every cache has, regardless of its connection. The `ConfigurationError` for an invalid value quotes the
 * value.
 */
export interface CacheOptions {
  /**
   * First tier in this process, coherent with Redis. The values that it returns are frozen. Default: none
   * (`tieredCache` has one).
   */
  readonly l1?: L1Options;
  /**
   * Prefix of every key; default `cache`. It must not be a prefix of another namespace: clearing `shop` also clears
   * `shop:eu`.
   */
  readonly namespace?: string;
  /** TTL, in seconds, of writes that do not set one, 0 to 315360000 (ten years); default 3600. */
  readonly defaultTtlSeconds?: number;
  /** Circuit breaker. Default: opens after 5 consecutive failures, for at most 60000 ms. */
  readonly breaker?: BreakerOptions;
  /**
   * Maximum number of entries in the memory fallback (LRU), which is used while Redis is unreachable; 0 turns the
   * fallback off; default 1000.
   */
  readonly fallbackEntries?: number;
  /**
   * Maximum memory of the fallback in bytes, 1 to 10^12; default 67108864 (64 MiB). The size of an entry is estimated
   * from its key and encoded value; an entry larger than the maximum is not kept. The same limits apply to a memory
   * cache.
   */
  readonly fallbackBytes?: number;
  /** Default guarantee for writes; default `async`. */
  readonly durability?: Durability;
  /**
   * Groups of keys that are invalidated together, as Redis patterns: `{ prices: ['price:*'] }` and
   * `invalidation.domain('prices')`.
   */
  readonly domains?: DomainPatterns;
  /**
   * Codecs by key; the first matching rule applies. Readers need no rule, because each entry names its codec. `binary`
   * is for rich values: Date, Map, Set, typed arrays, bigint.
   */
  readonly codecs?: readonly CodecRule[];
  /**
   * Codec for keys without a matching rule; default `json`. Keys that contain `api:`, `response:` or `config:` always
   * use JSON.
   */
  readonly defaultCodec?: CodecName | Codec;
  /**
   * Minimum size, in bytes, of the payloads to deflate. A payload is deflated only if that makes it smaller; default:
   * no payload is deflated.
   */
  readonly deflateAboveBytes?: number;
  /** Defaults of `getOrCompute`. */
  readonly compute?: ComputeDefaults;
  /**
   * Methods for running procedures. Default: functions, loaded if missing; otherwise a script; otherwise plain
   * commands.
   */
  readonly scripting?: ScriptingOptions;
  /** false: the cache never calls Redis (`fromEnv`: `ENABLE_REDIS_CACHE`); default true. */
  readonly enabled?: boolean;
}

/**
 * Deletions that were still pending when a cache was closed, because an outage or a failover had prevented Redis from
 * receiving them.
 */
export interface CloseReport {
  /** Number of deletions that Redis received while the cache was closing. */
  readonly replayed: number;
  /**
   * Physical keys, including keys of tags, whose deletion Redis did not receive: other processes read the old value
   * until its TTL expires.
   */
  readonly lost: readonly string[];
}

/** Location where a write was stored. `memory`: not in Redis. */
export interface WriteReceipt {
  readonly source: 'redis' | 'memory' | 'none';
  /** Number of replicas that confirmed a durable write. */
  readonly replicas?: number;
}

/**
 * Result of a read and its source. `l1`: the first tier of this process, coherent with Redis. `memory`: the fallback,
 * while Redis is unreachable; an entry that the fallback lacks may still exist in Redis.
 */
export type Lookup<T> =
  | { readonly found: true; readonly value: T; readonly source: 'l1' | 'redis' | 'memory' }
  | { readonly found: false; readonly source: 'l1' | 'redis' | 'memory' };

/** A value and its source. */
export interface Entry<T> {
  readonly value: T;
  readonly source: 'l1' | 'redis' | 'memory' | 'loader';
  /** True for a value past its TTL. Only `getOrCompute` returns such values. */
  readonly stale?: true;
}

/** A value and its remaining TTL. */
export interface TimedEntry<T> {
  readonly value: T;
  /** Seconds left; null if there is no expiry. */
  readonly ttlSeconds: number | null;
  readonly source: 'redis' | 'memory';
}

/** Counters of this process since the cache was opened. */
export interface CacheStatistics {
  /** Number of reads that found a valid value in any tier. */
  readonly hits: number;
  /** Number of reads that found no valid value. */
  readonly misses: number;
  /** Number of operations that failed or that Redis rejected. */
  readonly errors: number;
  /**
   * Number of operations that Redis refused (OOM, NOREPLICAS, BUSY, …) and for which a loader or the memory fallback
   * provided the result; included in `errors`.
   */
  readonly refusals: number;
  /**
   * Number of operations that were refused because of a limit of this process (`ClientLimitError`: `maxInFlight`,
   * queues); not included in `errors`.
   */
  readonly limited: number;
  /** Number of values written, including writes to the memory fallback. */
  readonly writes: number;
  /** Number of keys deleted. */
  readonly deletes: number;
  /** Number of hits that were served from the memory fallback because Redis was unreachable; included in `hits`. */
  readonly fallbackHits: number;
  /** Number of hits in the first tier of this process; included in `hits`. */
  readonly localHits: number;
  /** Number of payloads that failed validation and were purged. */
  readonly purged: number;
  /** Number of loader calls. */
  readonly loads: number;
  /** Number of stale values that `getOrCompute` has returned (`staleWhileRevalidateSeconds`, `graceSeconds`). */
  readonly stale: number;
  /** Hit ratio, hits / (hits + misses); null before the first read. */
  readonly hitRatio: number | null;
  /** Current state of the circuit breaker. */
  readonly breaker: BreakerState;
  /** Number of state changes of the circuit breaker. */
  readonly breakerTransitions: number;
}

/** Events of a cache and its connection, for logs and alerts (`cache.on`, `logEvents`). */
export type CacheEvent =
  | ConnectionEvent
  | {
      readonly type: 'breaker';
      readonly from: BreakerState['kind'];
      readonly to: BreakerState['kind'];
      readonly cause: string;
    }
  | { readonly type: 'purged'; readonly key: string; readonly reason: string }
  /**
   * `getOrCompute` returned a value past its TTL, because the value is being refreshed, or because its load is slow,
   * has failed or is paused after failures.
   */
  | {
      readonly type: 'stale';
      readonly key: string;
      readonly reason: 'revalidating' | 'slow' | 'failed' | 'resting';
    }
  | { readonly type: 'fallback'; readonly operation: string; readonly reason: string }
  /**
   * `close` could not replay the deletions of these physical keys: other processes read the old values until their TTL
   * expires.
   */
  | { readonly type: 'deletions-lost'; readonly keys: readonly string[]; readonly reason: string }
  /**
   * A loader's value was returned but not stored, because its codec cannot encode it. `reason` names the key and the
   * part that cannot be encoded.
   */
  | { readonly type: 'unstorable'; readonly reason: string }
  /**
   * Redis refused a step of an operation (reading the entry, acquiring its lease, reading the versions of its tags, or
   * storing the value), and a loader or the memory fallback provided the result instead. `code` is the first word of
   * the reply (`OOM`, `NOREPLICAS`, `NOPERM`, …). There is at most one event per second for each operation, step and
   * code; `count` is the number of refusals since the last event, including this one.
   */
  | {
      readonly type: 'refused';
      readonly operation: string;
      readonly step: 'read' | 'lease' | 'tags' | 'store';
      readonly code: string;
      readonly reason: string;
      readonly count: number;
    };

/**
 * A cache. With the fallback enabled (default), reads and writes do not throw while Redis is unreachable: they are
 * served from memory, and `source` is `memory`. A durable write throws instead, because the fallback cannot make it
 * durable.
 */
export interface Cache {
  /** Returns the value; undefined on a miss. */
  get<T>(key: string, options?: ReadOptions<T>): Promise<T | undefined>;
  /** Like `get`, with the source of the value. */
  getEntry<T>(key: string, options?: ReadOptions<T>): Promise<Entry<T> | undefined>;
  /** Like `getEntry`, but a miss has a source as well. */
  lookup<T>(key: string, options?: ReadOptions<T>): Promise<Lookup<T>>;
  /**
   * Stores the value; `undefined` cannot be stored.
   *
   * @throws SerializationError if the value cannot be stored without being changed: JSON can store plain data without
   * `undefined`; the binary codec can also store rich values; neither can store class instances
   * @throws DurabilityError if Redis has stored the value, but fewer replicas confirmed it than `durability` requires
   * @throws OutcomeUnknownError if a durable write, or a write with the fallback off, was sent and got no reply
   * @throws NotSentError if such a write was not sent; the value was definitely not stored
   */
  set<T>(key: string, value: T, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * Removes entries, and prevents any process that is loading one of these keys from storing the result. While Redis is
   * unreachable the entries are removed in this process at once, and in Redis before this process reads from it again.
   *
   * Takes several keys as arguments or as one list; use a list for more than about 100,000 keys. More than 500 keys are
   * deleted in batches of 500; a value that is set during the call is also deleted if the batch with its key has not
   * been sent yet.
   *
   * @returns the number of entries that existed; while Redis is unreachable, the number that existed in memory
   * @throws CacheError if Redis did not receive the deletion, and the fallback is off or full
   */
  delete(...keys: Names): Promise<number>;
  /** Returns the values found; a missing key is absent from the map. Sends one command per 500 keys. */
  getMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, T>>;
  /** Like `getMany`, but returns a result and its source for every key, including misses. */
  lookupMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, Lookup<T>>>;
  /** Stores all entries with the same options, in batches of 500. Returns the weakest of their receipts. */
  setMany<T>(entries: ReadonlyMap<string, T>, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * Returns the value, or the result of `load`. There is one load per key at a time in this process and, while Redis
   * replies, in all processes. Concurrent callers share the load and the options of the first caller, and do not wait
   * for the value to be stored. While Redis is unreachable each process loads for itself.
   *
   * @throws the error of the loader, unless a stale value can be returned (`graceSeconds`)
   * @throws LoadTimeoutError if `hardTimeoutMs` passes, unless a stale value can be returned
   */
  getOrCompute<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<T>;
  /** Like `getOrCompute`, with the source. */
  getOrComputeEntry<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<Entry<T>>;
  /**
   * Like `getOrCompute` for many keys. Calls `load` once per 500 keys, with the keys that Redis does not have and that
   * no other load provides. `load` returns the values it finds; a key that is missing from its result has no value. The
   * result is in the order of the keys.
   */
  getOrComputeMany<T>(
    keys: readonly string[],
    load: (
      keys: readonly string[],
      context: LoadManyContext,
    ) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>,
    options?: ComputeCallOptions<T>,
  ): Promise<ReadonlyMap<string, T>>;
  /** Invalidates all entries with one of the tags, regardless of their number. Sends one command per 500 tags. */
  invalidateTags(...tags: Names): Promise<InvalidationReceipt>;
  /** Invalidation by tag, pattern, domain, dependency and event. */
  readonly invalidation: Invalidation;
  /** Like `getEntry`, with the remaining TTL in seconds; null if there is no expiry. */
  getWithTtl<T>(key: string, options?: ReadOptions<T>): Promise<TimedEntry<T> | undefined>;
  /** Returns the remaining TTL in seconds; null if there is no expiry, undefined if `get` would find nothing. */
  ttl(key: string): Promise<number | null | undefined>;
  /** Returns the number of keys that `get` would find; a repeated key is counted once. */
  exists(...keys: Names): Promise<number>;
  /**
   * Stores the value if the key is absent, and returns whether it was stored. This call is never answered from memory:
   * while Redis is unreachable, it throws.
   *
   * @throws NotSentError if the command was not sent; the value was definitely not stored
   * @throws OutcomeUnknownError if the command was sent and got no reply
   */
  setIfAbsent<T>(key: string, value: T, options?: WriteOptions): Promise<boolean>;
  /**
   * Changes the remaining TTL of an entry; null means no expiry, 0 deletes the entry. Returns false if `get` would find
   * nothing.
   */
  expire(key: string, ttlSeconds: number | null): Promise<boolean>;
  /** Removes all keys of the namespace in batches, with SCAN. Returns the number of entries. */
  clear(): Promise<number>;
  /** Measures the latency of Redis in ms. @throws CacheError if Redis does not reply */
  ping(): Promise<number>;
  /** Returns the counters since the cache was opened. Sends no command. */
  stats(): CacheStatistics;
  /** Returns the metrics in the Prometheus text format (`cache_redis_hits_total`, …). */
  metrics(): string;
  /** Returns the same metrics as data, without the `namespace` label. */
  metricFamilies(): readonly MetricFamily[];
  /** Returns the physical key in Redis for a logical key. */
  physicalKey(key: string): string;
  /** Supervised connection; undefined for a memory cache. */
  readonly connection: SupervisedConnection | undefined;
  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: CacheEvent) => void): () => void;
  /**
   * Waits for stores in flight and replays pending deletions, for up to 5000 ms in total, then closes the connections
   * and stops the timers. The result and the `deletions-lost` event report the deletions that could not be replayed.
   * Calls to a closed cache throw `ClosedError`.
   */
  close(): Promise<CloseReport>;
}

export type { Names } from './invalidation.ts';
