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
  /** Entries kept; those that nobody asks for go first; default 10000. */
  readonly maxEntries?: number;
  /** The same in bytes, 1 to 10^12, estimated: keys, encoded values, and three bytes per byte of JSON for decoded ones; a larger entry
   * is not kept; default 67108864 (64 MiB). */
  readonly maxBytes?: number;
  /** Longest time, in seconds, that an entry is served without asking Redis again; default 60. */
  readonly ttlSeconds?: number;
  /**
   * Keep only keys that begin with one of these; default: all. Redis tells every process with a first tier of every write to
   * such keys: where most writes go to keys that nobody reads twice, this spares it that. `['v']` is all that `wrap`, and
   * `buildKey` without a `namespace`, make, and leaves out leases and shared statistics.
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

/** What every cache takes, whatever it is connected to. A bad value is quoted in a `ConfigurationError`. */
export interface CacheOptions {
  /** A first tier in this process, coherent with Redis; values from it are frozen. Default: none (`tieredCache` has one). */
  readonly l1?: L1Options;
  /** First part of every key; default `cache`. Not another's first part: what clears `shop` clears `shop:eu` too. */
  readonly namespace?: string;
  /** TTL of writes that say none, in seconds, 0 to 315360000 (ten years); default 3600. */
  readonly defaultTtlSeconds?: number;
  /** Default: opens after 5 consecutive failures, for at most 60000 ms. */
  readonly breaker?: BreakerOptions;
  /** Memory fallback while Redis is away: entries kept (LRU); 0 turns it off; default 1000. */
  readonly fallbackEntries?: number;
  /** The same in bytes, 1 to 10^12, estimated from keys and encoded values; a larger entry is not kept; default 67108864 (64 MiB).
   * A memory cache has the same bounds. */
  readonly fallbackBytes?: number;
  /** Default promise of writes; default `async`. */
  readonly durability?: Durability;
  /** Keys that are invalidated together, by Redis's patterns: `{ prices: ['price:*'] }` and `invalidation.domain('prices')`. */
  readonly domains?: DomainPatterns;
  /**
   * What values are written with, by key; the first rule that matches wins. Reading needs none: entries say it themselves.
   * `binary` is for rich values: Date, Map, Set, typed arrays, bigint.
   */
  readonly codecs?: readonly CodecRule[];
  /** Where no rule matches; keys with `api:`, `response:` or `config:` in them are JSON all the same. Default `json`. */
  readonly defaultCodec?: CodecName | Codec;
  /** Payloads of at least so many bytes are deflated where that makes them smaller; default: none is. */
  readonly deflateAboveBytes?: number;
  /** What `getOrCompute` does where a call says nothing. */
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

/** Who took a write. `memory` means that Redis did not. */
export interface WriteReceipt {
  readonly source: 'redis' | 'memory' | 'none';
  /** Replicas that confirmed a durable write. */
  readonly replicas?: number;
}

/**
 * An answer with where it came from: `l1` is this process's own tier, kept coherent; `memory` stands in for a Redis that
 * is away, and a miss that only it gave says so.
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
  /** Of `errors`, refusals by Redis (OOM, NOREPLICAS, BUSY, …) that were nobody's error: a loader or the memory answered. */
  readonly refusals: number;
  /** Operations that a limit of this process refused (`ClientLimitError`: `maxInFlight`, its queues); not in `errors`. */
  readonly limited: number;
  /** Values written, the memory fallback's included. */
  readonly writes: number;
  /** Keys deleted. */
  readonly deletes: number;
  /** Of `hits`, those that memory answered because Redis was away. */
  readonly fallbackHits: number;
  /** Of `hits`, those of this process's own tier. */
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

/** What happens to a cache and its connection, for logs and alerts (`cache.on`, `logEvents`). */
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
 * The cache. With the fallback on (default) reads and writes do not throw because Redis is away: they are answered from
 * memory and say so in `source`. A durable write never falls back: it throws.
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
   * Removes entries, and ends loads of them that are under way anywhere: they store nothing. With Redis away they are gone
   * here at once, and in Redis before anything is read from it again.
   *
   * Several keys as arguments or as one list; a list is needed above about 100,000. More than 500 keys are deleted in batches of
   * 500: a value that is set before its batch is sent is deleted too.
   *
   * @returns how many there were; with Redis away, those that memory had
   * @throws CacheError Redis did not take it, and the fallback is off or has no room to remember it
   */
  delete(...keys: Names): Promise<number>;
  /** What was found of them; absent from the map: a miss. One command per 500 keys. */
  getMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, T>>;
  /** As `getMany`, with an answer for every key, misses included, and where each came from. */
  lookupMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, Lookup<T>>>;
  /** As `set`, all with the same options, sent together in batches of 500. The receipt is that of the worst entry. */
  setMany<T>(entries: ReadonlyMap<string, T>, options?: WriteOptions): Promise<WriteReceipt>;
  /**
   * The value, or what `load` returns: one load a key at a time, in this process and, while Redis answers, in all. Who comes
   * meanwhile shares it, with the options of who came first; nobody waits for the store. With Redis away each process loads
   * for itself.
   *
   * @throws what the loader throws, where no stale value stands in (`graceSeconds`)
   * @throws LoadTimeoutError the same, when `hardTimeoutMs` is over
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
  /** What carries one of the tags is a miss from now on, however many entries that are: one command for up to 500 tags. */
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
   * True: it was absent, and now it is this. While Redis is away nobody knows: it never answers from memory.
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
  /** What was counted so far; asks nobody. */
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
   * Lets stores that are on their way arrive, replays deletions that Redis has not taken yet, together for up to 5000 ms, and ends
   * connections and timers. What is lost then is in the result and in the event `deletions-lost`. Calls of a closed cache throw
   * `ClosedError`.
   */
  close(): Promise<CloseReport>;
}

export type { Names } from './invalidation.ts';
