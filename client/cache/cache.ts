/**
 * Composes the parts of a cache.
 *
 *   read:  `reader.ts`: first tier ─▶ Redis, or memory while Redis is unreachable ─▶ envelope and schema checked
 *   write: `writer.ts`: envelope ─▶ Redis, or memory while Redis is unreachable (never for a durable write)
 *
 * Without a connection, the result is a memory cache with the same semantics.
 */

import { ClosedError, ConfigurationError, SerializationError } from '../api/errors.ts';
import { Emitter } from '../api/events.ts';
import type { Invalidation, InvalidationReceipt, Names } from '../api/invalidation.ts';
import type { MetricFamily } from '../api/metrics.ts';
import type {
  Cache,
  CacheEvent,
  CacheStatistics,
  CloseReport,
  ComputeCallOptions,
  ConnectionEvent,
  Entry,
  Load,
  Lookup,
  ReadOptions,
  SupervisedConnection,
  TimedEntry,
  WriteOptions,
  WriteReceipt,
} from '../api/types.ts';
import { composeInvalidation } from '../invalidation/compose.ts';
import { assertName } from '../keys/identity.ts';
import { LocalTier } from '../l1/local.ts';
import type { CoherenceOnDemand } from '../l1/on-demand.ts';
import { ReadBatcher } from '../l1/read-batcher.ts';
import type { LoadMany } from '../load/batch.ts';
import { Compute } from '../load/compute.ts';
import { SingleFlight } from '../load/single-flight.ts';
import { assertCallOptions } from '../options/cache-option-names.ts';
import { LIMITS } from '../options/limits.ts';
import type { CacheConnection } from '../transport/cache-connection.ts';
import type { ConnectionPart } from '../transport/part.ts';
import { delay, now } from '../transport/timing.ts';
import { namesIn } from './batches.ts';
import { Breaker } from './breaker.ts';
import { getMany, lookupMany, setMany } from './bulk.ts';
import type { CacheContext } from './cache-context.ts';
import { Expiry } from './expiry.ts';
import { Fallback } from './fallback.ts';
import type { ResolvedCache } from './options.ts';
import { Reader } from './reader.ts';
import { Refusals } from './refusals.ts';
import { Remote } from './remote.ts';
import { type Gauges, Statistics } from './statistics.ts';
import { Writer } from './writer.ts';

export class SupervisedCache implements Cache {
  readonly #context: CacheContext;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #expiry: Expiry;
  readonly #compute: Compute;
  readonly #breaker: Breaker;
  readonly invalidation: Invalidation;
  /** Stores that run in the background. */
  readonly #background = new Set<Promise<unknown>>();
  #closing: Promise<CloseReport> | undefined;

  constructor(
    options: ResolvedCache,
    connection: CacheConnection | undefined,
    coherence?: CoherenceOnDemand,
  ) {
    const events = new Emitter<CacheEvent>();
    const statistics = new Statistics();
    this.#breaker = new Breaker(options.breaker, () => probeConnection(connection), events);
    const remote =
      connection &&
      new Remote(connection, this.#breaker, statistics, options.fallbackEntries > 0, options.scripting);
    const fallback = new Fallback(
      options.fallbackEntries,
      (keys) => remote?.replay(keys) ?? Promise.resolve(),
      (key) => !connection?.slotOf || connection.at(key).state.kind === 'ready',
      { maxBytes: options.fallbackBytes },
    );
    const singleFlight = new SingleFlight();
    const { tags, invalidation, clearRemote } = composeInvalidation({
      options,
      connection,
      remote,
      fallback,
      singleFlight,
      coherence,
      deleteKeys: (keys) => this.#writer.delete(keys),
      domains: options.domains,
    });
    this.invalidation = invalidation;
    this.#context = {
      options,
      events,
      statistics,
      refusals: new Refusals(statistics, events),
      singleFlight,
      fallback,
      remote,
      connection,
      local: coherence && options.l1 && firstTier(coherence, options.namespace, options.l1, remote),
      tags,
      clearRemote,
      codecs: options.codecs,
      physical: (key) => this.physicalKey(key),
    };
    this.#reader = new Reader(this.#context);
    this.#writer = new Writer(this.#context);
    this.#expiry = new Expiry(this.#context, this.#reader, this.#writer);
    this.#compute = new Compute({
      context: this.#context,
      reader: this.#reader,
      writer: this.#writer,
      later: (work) => this.#later(work),
    });
    connection?.follow((event, part) => this.#noticed(event, part));
    connection?.on((event) => events.emit(event));
  }

  #noticed(event: ConnectionEvent, part: ConnectionPart): void {
    const { fallback } = this.#context;
    fallback.journal.noticed(event, part);
    if (event.type !== 'ready') return;
    this.#breaker.probeNow();
    fallback.recover();
  }

  get connection(): SupervisedConnection | undefined {
    return this.#context.connection;
  }

  physicalKey(key: string): string {
    assertName('key', key);
    // Keys that begin with a tilde are internal: versions of tags, leases, statistics.
    if (key.charCodeAt(0) === TILDE)
      throw new ConfigurationError(
        `key: must not begin with '~', which is reserved, got ${JSON.stringify(key)}`,
      );
    return `${this.#context.options.namespace}:${key}`;
  }

  get<T>(key: string, options?: ReadOptions<T>): Promise<T | undefined> {
    const hit = this.#reader.hit(key, options);
    if (hit) return Promise.resolve(hit.value);
    return this.lookup(key, options).then(valueOrMiss);
  }

  async getEntry<T>(key: string, options?: ReadOptions<T>): Promise<Entry<T> | undefined> {
    const lookup = await this.lookup(key, options);
    return lookup.found ? { value: lookup.value, source: lookup.source } : undefined;
  }

  /** Looks up a key. Not async, which saves one promise per read; errors still reject the returned promise. */
  lookup<T>(key: string, options?: ReadOptions<T>): Promise<Lookup<T>> {
    try {
      this.#assertCall(options);
      return this.#reader.lookup(key, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async getMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, T>> {
    this.#assertCall(options);
    return getMany(this.#reader, keys, options);
  }

  async lookupMany<T>(
    keys: readonly string[],
    options?: ReadOptions<T>,
  ): Promise<ReadonlyMap<string, Lookup<T>>> {
    this.#assertCall(options);
    return lookupMany(this.#reader, keys, options);
  }

  set<T>(key: string, value: T, options: WriteOptions = {}): Promise<WriteReceipt> {
    try {
      this.#assertCall(options);
      return this.#writer.set(key, value, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async setMany<T>(entries: ReadonlyMap<string, T>, options: WriteOptions = {}): Promise<WriteReceipt> {
    this.#assertCall(options);
    return setMany(this.#writer, entries, options);
  }

  async delete(...keys: Names): Promise<number> {
    this.#assertOpen();
    return this.#writer.delete(namesIn(keys));
  }

  getOrCompute<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<T> {
    const hit = this.#compute.hit(key, options);
    if (hit) return Promise.resolve(hit.value);
    return this.getOrComputeEntry(key, load, options).then(valueIn);
  }

  getOrComputeEntry<T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<Entry<T>> {
    try {
      this.#assertCall(options);
      const hit = this.#compute.hit(key, options);
      if (hit) return Promise.resolve({ value: hit.value, source: 'l1' });
      return this.#compute.entry(key, load, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async getOrComputeMany<T>(
    keys: readonly string[],
    load: LoadMany<T>,
    options?: ComputeCallOptions<T>,
  ): Promise<ReadonlyMap<string, T>> {
    this.#assertCall(options);
    return this.#compute.many(keys, load, options);
  }

  /**
   * Runs work in the background. If it fails, only an event is emitted: the failure has already been counted, and no
   * caller is waiting.
   */
  #later(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (error instanceof SerializationError) this.#context.events.emit({ type: 'unstorable', reason });
        else this.#context.events.emit({ type: 'fallback', operation: 'store', reason });
      })
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  async invalidateTags(...tags: Names): Promise<InvalidationReceipt> {
    this.#assertOpen();
    return this.invalidation.tags(namesIn(tags));
  }

  async getWithTtl<T>(key: string, options?: ReadOptions<T>): Promise<TimedEntry<T> | undefined> {
    this.#assertCall(options);
    return this.#expiry.getWithTtl(key, options);
  }

  async ttl(key: string): Promise<number | null | undefined> {
    this.#assertOpen();
    return this.#expiry.ttl(key);
  }

  async exists(...keys: Names): Promise<number> {
    this.#assertOpen();
    return this.#expiry.exists(namesIn(keys));
  }

  async setIfAbsent<T>(key: string, value: T, options: WriteOptions = {}): Promise<boolean> {
    this.#assertCall(options);
    return this.#expiry.setIfAbsent(key, value, options);
  }

  async expire(key: string, ttlSeconds: number | null): Promise<boolean> {
    this.#assertOpen();
    return this.#expiry.expire(key, ttlSeconds);
  }

  async clear(): Promise<number> {
    this.#assertOpen();
    return this.#writer.clear();
  }

  async ping(): Promise<number> {
    this.#assertOpen();
    const { remote } = this.#context;
    return remote ? remote.ping() : 0;
  }

  stats(): CacheStatistics {
    return this.#context.statistics.snapshot(this.#breaker.state, this.#breaker.transitions);
  }

  metrics(): string {
    return this.#context.statistics.prometheus(this.#context.options.namespace, this.#gauges());
  }

  metricFamilies(): readonly MetricFamily[] {
    return this.#context.statistics.families(this.#gauges());
  }

  #gauges(): Gauges {
    const { connection, fallback, local } = this.#context;
    return {
      breaker: this.#breaker.state,
      breakerTransitions: this.#breaker.transitions,
      breakerRecoveries: this.#breaker.recoveries,
      connected: connection?.state.kind === 'ready',
      memoryEntries: fallback.memory.size + (local?.size ?? 0),
      memoryEntryBytes: fallback.memory.bytes + (local?.bytes ?? 0),
    };
  }

  on(listener: (event: CacheEvent) => void): () => void {
    return this.#context.events.on(listener);
  }

  /** Waits for stores in flight and replays pending deletions, for at most `LIMITS.timeoutMs` in total. */
  close(): Promise<CloseReport> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<CloseReport> {
    const { local, fallback, connection, events } = this.#context;
    const until = now() + LIMITS.timeoutMs;
    const before = fallback.journal.replayed;
    local?.close();
    const timeout = new AbortController();
    await Promise.race([Promise.all(this.#background), delay(LIMITS.timeoutMs, timeout.signal)]);
    timeout.abort();
    if (connection) await fallback.drain(Math.max(0, until - now()));
    this.#breaker.stop();
    const lost = fallback.stop();
    const reason = 'the cache was closed before Redis received the deletions';
    if (lost.length > 0) events.emit({ type: 'deletions-lost', keys: lost, reason });
    this.#compute.close();
    if (connection) await connection.close();
    else events.emit({ type: 'closed' });
    return { replayed: fallback.journal.replayed - before, lost };
  }

  #assertOpen(): void {
    if (this.#closing) throw closed();
  }

  #assertCall(options: object | undefined): void {
    this.#assertOpen();
    assertCallOptions(options);
  }
}

const TILDE = 0x7e;

const closed = (): ClosedError => new ClosedError('The cache is closed');

function probeConnection(connection: CacheConnection | undefined): Promise<unknown> {
  if (connection?.probe) return connection.probe();
  return connection?.request('PING', [], { failFast: true }) ?? Promise.resolve();
}

function firstTier(
  coherence: CoherenceOnDemand,
  namespace: string,
  { maxEntries, maxBytes, ttlSeconds }: NonNullable<ResolvedCache['l1']>,
  remote: Remote | undefined,
): LocalTier {
  const prefix = `${namespace}:`;
  const reads = remote && new ReadBatcher((key) => remote.get(prefix + key));
  return new LocalTier(coherence.open(), {
    maxEntries,
    maxBytes,
    ttlMs: ttlSeconds * 1000,
    prefix,
    ...(reads && { ask: (key) => reads.read(key) }),
  });
}

function valueIn<T>({ value }: Entry<T>): T {
  return value;
}

function valueOrMiss<T>(lookup: Lookup<T>): T | undefined {
  return lookup.found ? lookup.value : undefined;
}
