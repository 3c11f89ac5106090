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

/** When Redis is not asked any more because it keeps failing. */
export interface BreakerOptions {
  /** Off: every operation asks Redis, however often it failed; default true. */
  readonly enabled?: boolean;
  /** Consecutive failures that open it; default 5. */
  readonly threshold?: number;
  /**
   * Opens it, besides, when so large a share of the calls fails that Redis is of no use although some succeed. Default: off.
   */
  readonly sampling?: {
    /** Failures to calls, above 0 and up to 1; default 0.5. */
    readonly failureRatio?: number;
    /** Fewer calls in the window say nothing; default 20. */
    readonly minCalls?: number;
    /** How far back calls count, in ms; default 10000. */
    readonly windowMs?: number;
  };
  /** Longest time open, in ms, at most 60000 (default); a background probe that succeeds half-opens it at once. */
  readonly openMs?: number;
  /** Time between two probes of an open breaker, in ms; default 500. */
  readonly probeIntervalMs?: number;
}

/** `since` and `until` are Unix times in ms; `cause` is the last failure. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly since: number; readonly until: number; readonly cause: string }
  | { readonly kind: 'half-open'; readonly since: number };

/** The first tier: entries in this process, dropped as soon as anybody changes them in Redis. */
export interface L1Options {
  /** Maximum number of entries; entries without recent reads are evicted first; default 10000. */
  readonly maxEntries?: number;
  /** The same in bytes, 1 to 10^12, estimated: keys, encoded values, and three bytes per byte of JSON for decoded ones; a larger entry
   * is not kept; default 67108864 (64 MiB). */
  readonly maxBytes?: number;
  /** Longest time, in seconds, that an entry is served without asking Redis again; default 60. */
  readonly ttlSeconds?: number;
  /**
   * Keep only keys with one of these prefixes; default: all keys. Redis notifies every process with a first tier about each write to
   * such a key, so prefixes save work if most writes go to keys that are rarely read. `['v']` covers all keys of `wrap` and of
   * `buildKey` without a `namespace`, and excludes leases and shared statistics.
   */
  readonly prefixes?: readonly string[];
  /** Longest time, in ms, that an overwritten value may be served, whatever happens to a connection; default 500. */
  readonly boundMs?: number;
}

/**
 * How steps that take more than one command run in Redis, which is 6.2 or later, or Valkey 8 or later. The first of these that the
 * server and the user allow is used: functions (FCALL, Redis 7.0 and later), one script (EVALSHA), plain commands (more of them per load).
 */
export interface ScriptingOptions {
  /** Load the function library `redis_cache_kit_2` (FUNCTION LOAD) into a server that lacks it; default true. */
  readonly loadFunctions?: boolean;
  /** Use a script (EVALSHA, EVAL, SCRIPT LOAD) where there are no functions; default true. */
  readonly evalScripts?: boolean;
}

/** Options of every cache, independent of its connection. A `ConfigurationError` quotes an invalid value. */
export interface CacheOptions {
  /** A first tier in this process, coherent with Redis; values from it are frozen. Default: none (`tieredCache` has one). */
  readonly l1?: L1Options;
  /** First part of every key; default `cache`. Not another's first part: what clears `shop` clears `shop:eu` too. */
  readonly namespace?: string;
  /** TTL of writes that say none, in seconds, 0 to 315360000 (ten years); default 3600. */
  readonly defaultTtlSeconds?: number;
  /** Default: opens after 5 consecutive failures, for at most 60000 ms. */
  readonly breaker?: BreakerOptions;
  /** Maximum number of entries of the memory fallback, which is used while Redis is unreachable (LRU); 0 turns it off; default 1000. */
  readonly fallbackEntries?: number;
  /** The same in bytes, 1 to 10^12, estimated from keys and encoded values; a larger entry is not kept; default 67108864 (64 MiB).
   * A memory cache has the same bounds. */
  readonly fallbackBytes?: number;
  /** Default promise of writes; default `async`. */
  readonly durability?: Durability;
  /** Keys that are invalidated together, by Redis's patterns: `{ prices: ['price:*'] }` and `invalidation.domain('prices')`. */
  readonly domains?: DomainPatterns;
  /**
   * Codecs by key; the first matching rule applies. Readers need no rule: each entry names its codec. `binary` is for rich values: Date,
   * Map, Set, typed arrays, bigint.
   */
  readonly codecs?: readonly CodecRule[];
  /** Where no rule matches; keys with `api:`, `response:` or `config:` in them are JSON all the same. Default `json`. */
  readonly defaultCodec?: CodecName | Codec;
  /** Payloads of at least so many bytes are deflated where that makes them smaller; default: none is. */
  readonly deflateAboveBytes?: number;
  /** Defaults of `getOrCompute`. */
  readonly compute?: ComputeDefaults;
  /** Default: functions, loaded where they are missing; else a script; else plain commands. */
  readonly scripting?: ScriptingOptions;
  /** False: never asks Redis (`fromEnv`: `ENABLE_REDIS_CACHE`); default true. */
  readonly enabled?: boolean;
}

/** The deletions that were pending when a cache was closed: those of an outage or a failover that Redis had not taken yet. */
export interface CloseReport {
  /** How many Redis has taken while the cache was closed. */
  readonly replayed: number;
  /** Physical keys, those of tags included, that Redis has not: other processes read their old value until its TTL. */
  readonly lost: readonly string[];
}

/** Where a write was stored. `memory`: not in Redis. */
export interface WriteReceipt {
  readonly source: 'redis' | 'memory' | 'none';
  /** Replicas that confirmed a durable write. */
  readonly replicas?: number;
}

/**
 * Result of a read and its source. `l1`: the first tier of this process, coherent with Redis. `memory`: the fallback, while Redis is
 * unreachable; a miss with this source may exist in Redis.
 */
export type Lookup<T> =
  | { readonly found: true; readonly value: T; readonly source: 'l1' | 'redis' | 'memory' }
  | { readonly found: false; readonly source: 'l1' | 'redis' | 'memory' };

/** A value with where it came from. */
export interface Entry<T> {
  readonly value: T;
  readonly source: 'l1' | 'redis' | 'memory' | 'loader';
  /** Past its TTL; only from `getOrCompute`. */
  readonly stale?: true;
}

/** A value with the time that is left to it. */
export interface TimedEntry<T> {
  readonly value: T;
  /** Seconds left; null: no expiry. */
  readonly ttlSeconds: number | null;
  readonly source: 'redis' | 'memory';
}

/** Counted in this process since the cache was opened. */
export interface CacheStatistics {
  /** Reads that found a valid value, of any tier. */
  readonly hits: number;
  /** Reads that found none. */
  readonly misses: number;
  /** Operations that Redis failed or refused. */
  readonly errors: number;
  /** Refusals by Redis (OOM, NOREPLICAS, BUSY, …), included in `errors`, after which a loader or the memory fallback answered. */
  readonly refusals: number;
  /** Operations that a limit of this process refused (`ClientLimitError`: `maxInFlight`, its queues); not in `errors`. */
  readonly limited: number;
  /** Values written, the memory fallback's included. */
  readonly writes: number;
  /** Keys deleted. */
  readonly deletes: number;
  /** Hits, included in `hits`, that the memory fallback answered because Redis was unreachable. */
  readonly fallbackHits: number;
  /** Hits, included in `hits`, of the first tier of this process. */
  readonly localHits: number;
  /** Payloads that failed validation and were purged. */
  readonly purged: number;
  /** Calls of loaders. */
  readonly loads: number;
  /** Stale values that `getOrCompute` has returned (`staleWhileRevalidateSeconds`, `graceSeconds`). */
  readonly stale: number;
  /** hits / (hits + misses); null before the first read. */
  readonly hitRatio: number | null;
  /** State of the circuit breaker now. */
  readonly breaker: BreakerState;
  /** How often the breaker changed its state. */
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
  /** `getOrCompute` returned a value past its TTL: it is being refreshed, the load is slow, failed, or rests after failures. */
  | {
      readonly type: 'stale';
      readonly key: string;
      readonly reason: 'revalidating' | 'slow' | 'failed' | 'resting';
    }
  | { readonly type: 'fallback'; readonly operation: string; readonly reason: string }
  /** `close` could not replay the deletions of these physical keys: other processes read their old value until its TTL. */
  | { readonly type: 'deletions-lost'; readonly keys: readonly string[]; readonly reason: string }
  /** A loader's value was returned but not stored: its codec cannot carry it. `reason` names the key and the part. */
  | { readonly type: 'unstorable'; readonly reason: string }
  /**
   * Redis refused a part of an operation that had another answer, of a loader or from memory: the entry could not be read, its lease not
   * taken, the versions of its tags not read, or the value not stored. `code`: the first word of the reply (`OOM`, `NOREPLICAS`,
   * `NOPERM`, …). At most one event per second for each operation, step and code; `count`: refusals since the last one, this one included.
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
 * A cache. With the fallback enabled (default), reads and writes do not throw while Redis is unreachable: memory answers them, and
 * `source` says so. A durable write never falls back: it throws.
 */
export interface Cache {
  /** undefined: a miss. */
  get<T>(key: string, options?: ReadOptions<T>): Promise<T | undefined>;
  /** As `get`, with where the answer came from. */
  getEntry<T>(key: string, options?: ReadOptions<T>): Promise<Entry<T> | undefined>;
  /** As `getEntry`, where a miss has a source too. */
  lookup<T>(key: string, options?: ReadOptions<T>): Promise<Lookup<T>>;
  /**
   * Stores the value; `undefined` cannot be stored.
   *
   * @throws SerializationError it would not read back the same: JSON carries plain data without `undefined`, the binary codec
   *   rich values too, neither a class instance
   * @throws DurabilityError Redis has it, but fewer replicas confirmed it than `durability` asks
   * @throws OutcomeUnknownError a durable write, or one with the fallback off, was sent and not answered
   * @throws NotSentError the same, certainly not stored
   */
  set<T>(key: string, value: T, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * Removes entries and ends loads of them in all processes: these store nothing. While Redis is unreachable the entries are removed in
   * this process at once, and in Redis before this process reads from it again.
   *
   * Takes several keys as arguments or as one list; use a list above about 100,000 keys. More than 500 keys are deleted in batches of
   * 500: a value that is set before the batch of its key is sent is deleted too.
   *
   * @returns the number of entries that existed; while Redis is unreachable, those in memory
   * @throws CacheError Redis did not take the deletion, and the fallback is off or has no room to remember it
   */
  delete(...keys: Names): Promise<number>;
  /** Returns the values found; a missing key is absent from the map. One command per 500 keys. */
  getMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, T>>;
  /** As `getMany`, with an answer for every key, misses included, and where each came from. */
  lookupMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, Lookup<T>>>;
  /** As `set`, all with the same options, sent together in batches of 500. The receipt is that of the worst entry. */
  setMany<T>(entries: ReadonlyMap<string, T>, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * Returns the value, or the result of `load`. There is one load per key at a time in this process and, while Redis replies, in all
   * processes. Concurrent callers share the load and the options of the first caller, and do not wait until the value is stored. While
   * Redis is unreachable each process loads for itself.
   *
   * @throws the error of the loader, unless a stale value can be returned (`graceSeconds`)
   * @throws LoadTimeoutError `hardTimeoutMs` has passed, unless a stale value can be returned
   */
  getOrCompute<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<T>;
  /** As `getOrCompute`, with where the answer came from. */
  getOrComputeEntry<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<Entry<T>>;
  /**
   * As `getOrCompute` for many: `load` is called once per 500 keys, with those that neither Redis nor another load has, and
   * returns what it finds. A key that it leaves out has no value. In the order of the keys.
   */
  getOrComputeMany<T>(
    keys: readonly string[],
    load: (
      keys: readonly string[],
      context: LoadManyContext,
    ) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>,
    options?: ComputeCallOptions<T>,
  ): Promise<ReadonlyMap<string, T>>;
  /** Makes all entries with one of the tags misses, independent of their number: one command per 500 tags. */
  invalidateTags(...tags: Names): Promise<InvalidationReceipt>;
  /** By tags, pattern, domain, dependency and event. */
  readonly invalidation: Invalidation;
  /** As `getEntry`, with the seconds that are left to it; null: no expiry. */
  getWithTtl<T>(key: string, options?: ReadOptions<T>): Promise<TimedEntry<T> | undefined>;
  /** Seconds that are left; null: no expiry; undefined: `get` would find nothing. */
  ttl(key: string): Promise<number | null | undefined>;
  /** How many of the keys `get` would find; each counts once. */
  exists(...keys: Names): Promise<number>;
  /**
   * Stores the value if the key is absent, and returns whether it did. It never answers from memory: while Redis is unreachable it throws.
   *
   * @throws NotSentError certainly not stored
   * @throws OutcomeUnknownError sent, no answer
   */
  setIfAbsent<T>(key: string, value: T, options?: WriteOptions): Promise<boolean>;
  /** Changes what is left to an entry; null: no expiry, 0: deletes it. False: `get` would find nothing. */
  expire(key: string, ttlSeconds: number | null): Promise<boolean>;
  /** Removes the namespace's keys, by SCAN in batches. */
  clear(): Promise<number>;
  /** Redis's answer time in ms. @throws CacheError when Redis does not answer */
  ping(): Promise<number>;
  /** Counters since the cache was opened. Sends no command. */
  stats(): CacheStatistics;
  /** Prometheus text exposition (`cache_redis_hits_total`, …). */
  metrics(): string;
  /** The same as data, without the namespace as a label. */
  metricFamilies(): readonly MetricFamily[];
  /** Physical key in Redis for a logical one. */
  physicalKey(key: string): string;
  /** The supervised connection; undefined for a memory cache. */
  readonly connection: SupervisedConnection | undefined;
  /** Calls the listener for each event until the returned function is called. */
  on(listener: (event: CacheEvent) => void): () => void;
  /**
   * Waits for stores in flight and replays pending deletions, for up to 5000 ms in total, then ends connections and timers. The result
   * and the event `deletions-lost` report what could not be replayed. Calls of a closed cache throw `ClosedError`.
   */
  close(): Promise<CloseReport>;
}

export type { Names } from './invalidation.ts';
