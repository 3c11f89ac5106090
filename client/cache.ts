/**
 * The cache: keys, envelope, single flight, breaker and fallback put together.
 *
 *   read:  flight ─▶ Redis, or memory while Redis is away ─▶ envelope and schema checked ─▶ value, or purge and miss
 *   write: envelope ─▶ Redis, or memory while Redis is away (never for a durable write)
 *
 * Without a remote it is a memory cache with the same meaning.
 */
import { Breaker } from './breaker.ts';
import type { CacheConnection } from './connection/index.ts';
import { delay } from './connection/timing.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { ClosedError, ConfigurationError, DurabilityError, isConnectivityError } from './errors.ts';
import { Emitter } from './events.ts';
import { Fallback } from './fallback.ts';
import { Flights } from './flights.ts';
import { LIMITS, type ResolvedCache, resolveDurability, resolveTtl } from './options.ts';
import { isForeignType, Remote } from './remote.ts';
import { Statistics } from './statistics.ts';
import type {
  Cache,
  CacheEvent,
  CacheStatistics,
  Entry,
  Lookup,
  ReadOptions,
  SupervisedConnection,
  WriteOptions,
  WriteReceipt,
} from './types.ts';

export class SupervisedCache implements Cache {
  readonly #options: ResolvedCache;
  readonly #events = new Emitter<CacheEvent>();
  readonly #statistics = new Statistics();
  readonly #flights = new Flights();
  readonly #breaker: Breaker;
  readonly #fallback: Fallback;
  readonly #remote: Remote | undefined;
  /** Stores that nobody waits for. */
  readonly #background = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: ResolvedCache, connection: CacheConnection | undefined) {
    this.#options = options;
    const probe = (): Promise<unknown> =>
      connection?.request('PING', [], { impatient: true }) ?? Promise.resolve();
    this.#breaker = new Breaker(options.breaker, probe, this.#events);
    this.#fallback = new Fallback(
      options.fallbackEntries,
      (keys) => this.#remote?.replay(keys) ?? Promise.resolve(),
    );
    this.#remote =
      connection && new Remote(connection, this.#breaker, this.#statistics, options.fallbackEntries > 0);
    connection?.on((event) => {
      this.#events.emit(event);
      if (event.type !== 'ready') return;
      this.#breaker.probeNow();
      this.#fallback.recover();
    });
  }

  get connection(): SupervisedConnection | undefined {
    return this.#remote?.connection;
  }

  physicalKey(key: string): string {
    if (typeof key !== 'string' || key === '')
      throw new ConfigurationError(`key: ${String(key)} is not a text that is not empty`);
    return `${this.#options.namespace}:${key}`;
  }

  async get<T>(key: string, options?: ReadOptions<T>): Promise<T | undefined> {
    return (await this.getEntry(key, options))?.value;
  }

  async getEntry<T>(key: string, options?: ReadOptions<T>): Promise<Entry<T> | undefined> {
    const lookup = await this.lookup(key, options);
    return lookup.found ? { value: lookup.value, source: lookup.source } : undefined;
  }

  async lookup<T>(key: string, options: ReadOptions<T> = {}): Promise<Lookup<T>> {
    this.#assertOpen();
    const physical = this.physicalKey(key);
    const remote = this.#remote;
    if (!remote || this.#fallback.isDirty(physical)) return this.#fromMemory(physical, options);
    let payload: Buffer | null;
    try {
      payload = await remote.get(physical);
    } catch (error) {
      if (isForeignType(error)) return this.#miss('redis');
      this.#toMemory('get', error);
      return this.#fromMemory(physical, options);
    }
    this.#answered();
    return payload === null ? this.#miss('redis') : this.#validated(physical, payload, 'redis', options);
  }

  async getMany<T>(keys: readonly string[], options?: ReadOptions<T>): Promise<ReadonlyMap<string, T>> {
    const found = new Map<string, T>();
    for (const [key, lookup] of await this.lookupMany(keys, options)) {
      if (lookup.found) found.set(key, lookup.value);
    }
    return found;
  }

  async lookupMany<T>(
    keys: readonly string[],
    options: ReadOptions<T> = {},
  ): Promise<ReadonlyMap<string, Lookup<T>>> {
    this.#assertOpen();
    const lookups = new Map<string, Lookup<T>>();
    if (keys.length === 0) return lookups;
    const physical = keys.map((key) => this.physicalKey(key));
    const payloads = await this.#payloads(physical);
    for (const [i, key] of keys.entries()) {
      const name = physical[i] as string;
      const payload = payloads?.[i];
      const lookup =
        payloads === undefined || this.#fallback.isDirty(name)
          ? await this.#fromMemory(name, options)
          : payload
            ? await this.#validated(name, payload, 'redis', options)
            : this.#miss('redis');
      lookups.set(key, lookup);
    }
    return lookups;
  }

  /** undefined: Redis is away. */
  async #payloads(physical: readonly string[]): Promise<readonly (Buffer | null)[] | undefined> {
    if (!this.#remote) return undefined;
    try {
      const payloads = await this.#remote.getMany(physical);
      this.#answered();
      return payloads;
    } catch (error) {
      this.#toMemory('getMany', error);
      return undefined;
    }
  }

  async set<T>(key: string, value: T, options: WriteOptions = {}): Promise<WriteReceipt> {
    this.#assertOpen();
    const physical = this.physicalKey(key);
    this.#flights.overtake(physical);
    return this.#store(physical, value, options, true);
  }

  async setMany<T>(entries: ReadonlyMap<string, T>, options: WriteOptions = {}): Promise<WriteReceipt> {
    const receipts = await Promise.all([...entries].map(([key, value]) => this.set(key, value, options)));
    const worst =
      receipts.find(({ source }) => source === 'none') ?? receipts.find(({ source }) => source === 'memory');
    if (worst || receipts.length === 0) return worst ?? { source: 'none' };
    const confirmed = receipts.flatMap(({ replicas }) => (replicas === undefined ? [] : [replicas]));
    return confirmed.length > 0 ? { source: 'redis', replicas: Math.min(...confirmed) } : { source: 'redis' };
  }

  /** `outdates`: the caller knows a newer value than Redis may have, so that the older must not come back. */
  async #store<T>(
    physical: string,
    value: T,
    options: WriteOptions,
    outdates: boolean,
  ): Promise<WriteReceipt> {
    const ttlSeconds = resolveTtl('ttlSeconds', options.ttlSeconds, this.#options.defaultTtlSeconds);
    const durability = resolveDurability('durability', options.durability, this.#options.durability);
    if (ttlSeconds === 0) return { source: 'none' };
    const payload = encodeEnvelope(value, options);
    if (!this.#remote) return this.#keep(physical, payload, ttlSeconds);
    const wasDirty = this.#fallback.isDirty(physical);
    this.#fallback.forget(physical);
    try {
      const replicas = await this.#remote.set(physical, payload, ttlSeconds, durability, !outdates);
      this.#statistics.writes += 1;
      this.#answered();
      return replicas === undefined ? { source: 'redis' } : { source: 'redis', replicas };
    } catch (error) {
      if (wasDirty && !(error instanceof DurabilityError)) this.#fallback.restore(physical);
      if (durability !== 'async') throw error;
      this.#toMemory('set', error);
      if (outdates && !this.#fallback.tryRemember(physical)) throw error;
      return this.#keep(physical, payload, ttlSeconds);
    }
  }

  #keep(physical: string, payload: Buffer, ttlSeconds: number | null): WriteReceipt {
    if (!this.#fallback.memory.set(physical, payload, ttlSeconds)) return { source: 'none' };
    this.#statistics.writes += 1;
    return { source: 'memory' };
  }

  async delete(...keys: readonly string[]): Promise<number> {
    this.#assertOpen();
    if (keys.length === 0) return 0;
    const physical = keys.map((key) => this.physicalKey(key));
    for (const key of physical) this.#flights.overtake(key);
    let removed: number;
    try {
      if (!this.#remote) removed = this.#forgetInMemory(physical);
      else {
        removed = await this.#remote.delete(physical);
        for (const key of physical) this.#fallback.forget(key);
        this.#answered();
      }
    } catch (error) {
      this.#toMemory('delete', error);
      // Replayed when Redis is back; it cannot be known how many of them Redis has.
      this.#fallback.remember(physical);
      removed = this.#forgetInMemory(physical);
    }
    this.#statistics.deletes += removed;
    return removed;
  }

  #forgetInMemory(physical: readonly string[]): number {
    return physical.filter((key) => this.#fallback.memory.delete(key)).length;
  }

  async getOrCompute<T>(
    key: string,
    load: () => Promise<T> | T,
    options?: WriteOptions & ReadOptions<T>,
  ): Promise<T> {
    return (await this.getOrComputeEntry(key, load, options)).value;
  }

  getOrComputeEntry<T>(
    key: string,
    load: () => Promise<T> | T,
    options: WriteOptions & ReadOptions<T> = {},
  ): Promise<Entry<T>> {
    const physical = this.physicalKey(key);
    return this.#flights.join<Entry<T>>(physical, async (flight) => {
      const found = await this.getEntry(key, options).catch((error: unknown) => {
        if (isConnectivityError(error)) return undefined;
        throw error;
      });
      if (found) return found;
      this.#statistics.loads += 1;
      const value = await load();
      // Never durable: queued elsewhere, the store could come after a deletion that was asked for later.
      const fill: WriteOptions = { ...options, durability: 'async' };
      if (value !== undefined && !flight.overtaken && !this.#closed)
        this.#later(this.#store(physical, value, fill, false));
      return { value, source: 'loader' };
    });
  }

  /** Runs on; its failure has been counted where it happened and is nobody's answer. */
  #later(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#events.emit({ type: 'fallback', operation: 'store', reason });
      })
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  async clear(): Promise<number> {
    this.#assertOpen();
    this.#flights.overtakeAll();
    const kept = this.#fallback.memory.clear();
    return this.#remote ? this.#remote.clear(`${this.#options.namespace}:`) : kept;
  }

  async ping(): Promise<number> {
    this.#assertOpen();
    return this.#remote ? this.#remote.ping() : 0;
  }

  stats(): CacheStatistics {
    return this.#statistics.snapshot(this.#breaker.state, this.#breaker.transitions);
  }

  metrics(): string {
    return this.#statistics.prometheus(this.#options.namespace, {
      breaker: this.#breaker.state,
      breakerTransitions: this.#breaker.transitions,
      connected: this.#remote?.connection.state.kind === 'ready',
      memoryEntries: this.#fallback.memory.size,
    });
  }

  on(listener: (event: CacheEvent) => void): () => void {
    return this.#events.on(listener);
  }

  /** Lets stores that are on their way arrive, for no longer than a command may take. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const patience = new AbortController();
    await Promise.race([Promise.all(this.#background), delay(LIMITS.timeoutMs, patience.signal)]);
    patience.abort();
    this.#breaker.stop();
    this.#fallback.stop();
    await this.#remote?.connection.close();
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  #miss(source: 'redis' | 'memory'): Lookup<never> {
    this.#statistics.misses += 1;
    return { found: false, source };
  }

  async #fromMemory<T>(physical: string, options: ReadOptions<T>): Promise<Lookup<T>> {
    const payload = this.#fallback.memory.get(physical);
    if (!payload) return this.#miss('memory');
    const entry = await this.#validated(physical, payload, 'memory', options);
    if (entry.found && this.#remote) this.#statistics.fallbackHits += 1;
    return entry;
  }

  async #validated<T>(
    physical: string,
    payload: Buffer,
    source: 'redis' | 'memory',
    { schema, schemaId }: ReadOptions<T>,
  ): Promise<Lookup<T>> {
    const decoded = decodeEnvelope(payload, { schemaId });
    if (!decoded.ok) return this.#purged(physical, payload, source, decoded.reason);
    let { value } = decoded;
    if (schema) {
      try {
        const result = await schema['~standard'].validate(value);
        if (result.issues)
          return this.#purged(physical, payload, source, `schema: ${result.issues[0]?.message ?? 'refused'}`);
        value = result.value;
      } catch (error) {
        return this.#purged(physical, payload, source, `schema: ${String(error)}`);
      }
    }
    this.#statistics.hits += 1;
    return { found: true, value: value as T, source };
  }

  async #purged(
    physical: string,
    payload: Buffer,
    source: 'redis' | 'memory',
    reason: string,
  ): Promise<Lookup<never>> {
    this.#statistics.purged += 1;
    this.#events.emit({ type: 'purged', key: physical, reason });
    if (source === 'memory') this.#fallback.memory.delete(physical);
    else await this.#remote?.purge(physical, payload).catch(() => false);
    return this.#miss(source);
  }

  /** The memory answers for Redis, or the error is the caller's. */
  #toMemory(operation: string, error: unknown): void {
    if (this.#options.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
    this.#events.emit({ type: 'fallback', operation, reason: (error as Error).message });
  }

  #answered(): void {
    if (this.#fallback.pending) this.#fallback.recover();
  }

  #assertOpen(): void {
    if (this.#closed) throw new ClosedError('The cache is closed');
  }
}
