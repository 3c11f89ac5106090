/**
 * Writing: the value as an envelope to Redis, or to memory while Redis is away. A durable write never goes to memory.
 *
 * Whatever a write's outcome, what the first tier holds of the key is dropped with it; it is filled again by the next read.
 */
import { encodeEnvelope, type Freshness, type TagStamp } from './envelope.ts';
import { DurabilityError, isConnectivityError } from './errors.ts';
import { resolveDurability, resolveTtl } from './options.ts';
import type { Parts } from './parts.ts';
import type { Durability, WriteOptions, WriteReceipt } from './types.ts';

export interface StoreOptions extends Omit<WriteOptions, 'tags'> {
  /** Seconds that Redis keeps the entry, where that is longer than it is fresh. */
  readonly keepSeconds?: number | null;
  readonly freshness?: Freshness | undefined;
  readonly stamps?: readonly TagStamp[] | undefined;
  /** The caller knows a newer value than Redis may have: the older must not come back. */
  readonly outdates: boolean;
  /** `undefined` is stored as "there is nothing". */
  readonly nothing?: boolean;
}

/** An entry's bytes, and how many seconds Redis keeps them (null: for ever). */
export interface Encoded {
  readonly payload: Buffer;
  readonly ttlSeconds: number | null;
  readonly freshness: Freshness | undefined;
}

export class Writer {
  readonly #parts: Parts;
  /** Keys whose value waits for the versions of its tags. */
  readonly #stamping = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async set<T>(key: string, value: T, options: WriteOptions): Promise<WriteReceipt> {
    const { flights, tags } = this.#parts;
    const physical = this.#parts.physical(key);
    flights.overtake(physical);
    if (this.#stamping.size > 0) await this.#stamping.get(physical);
    const named = tags.namesOf(key, options.tags);
    const stamps = named.length === 0 ? undefined : await this.#stamps(physical, named);
    const receipt = await this.store(key, value, { ...options, stamps, outdates: true });
    const dependents = tags.changed([key]);
    if (dependents) await dependents;
    return receipt;
  }

  /** Sets and deletions of the key wait for it, so that they take effect in the order in which they were asked for. */
  async #stamps(physical: string, tags: readonly string[]): Promise<readonly TagStamp[]> {
    const stamping = this.#parts.tags.stamps(tags);
    const settled = stamping.then(
      () => {},
      () => {},
    );
    this.#stamping.set(physical, settled);
    try {
      return await stamping;
    } finally {
      if (this.#stamping.get(physical) === settled) this.#stamping.delete(physical);
    }
  }

  async setMany<T>(entries: ReadonlyMap<string, T>, options: WriteOptions): Promise<WriteReceipt> {
    const receipts = await Promise.all([...entries].map(([key, value]) => this.set(key, value, options)));
    const worst =
      receipts.find(({ source }) => source === 'none') ?? receipts.find(({ source }) => source === 'memory');
    if (worst || receipts.length === 0) return worst ?? { source: 'none' };
    const confirmed = receipts.flatMap(({ replicas }) => (replicas === undefined ? [] : [replicas]));
    return confirmed.length > 0 ? { source: 'redis', replicas: Math.min(...confirmed) } : { source: 'redis' };
  }

  /** The entry's bytes and how long Redis keeps them; undefined: not to be stored. @throws SerializationError */
  encode<T>(key: string, value: T, options: StoreOptions): Encoded | undefined {
    const { options: resolved, codecs, local } = this.#parts;
    const ttlSeconds = resolveTtl('ttlSeconds', options.ttlSeconds, resolved.defaultTtlSeconds);
    if (ttlSeconds === 0) return undefined;
    // The first tier must know when an entry ends, which GET does not say.
    const ends = local && ttlSeconds !== null ? Date.now() + ttlSeconds * 1000 : undefined;
    const freshness = options.freshness ?? (ends ? { freshUntilMs: ends, loadMs: 0 } : undefined);
    const payload = encodeEnvelope(value, {
      schemaId: options.schemaId,
      codec: codecs.of(key),
      freshness,
      tags: options.stamps,
      deflateAboveBytes: resolved.deflateAboveBytes,
      nothing: options.nothing,
    });
    const kept = options.keepSeconds === undefined ? ttlSeconds : options.keepSeconds;
    return { payload, freshness, ttlSeconds: kept };
  }

  async store<T>(key: string, value: T, options: StoreOptions): Promise<WriteReceipt> {
    const { options: resolved, remote, fallback, statistics, local } = this.#parts;
    const physical = this.#parts.physical(key);
    const durability = resolveDurability('durability', options.durability, resolved.durability);
    const entry = this.encode(key, value, options);
    if (!entry) return { source: 'none' };
    const { payload, ttlSeconds } = entry;
    if (!remote) return this.#keep(physical, payload, ttlSeconds);
    const wasDirty = fallback.isDirty(physical);
    fallback.forget(physical);
    try {
      const replicas = await remote.set(physical, payload, ttlSeconds, durability, !options.outdates);
      statistics.writes += 1;
      if (replicas !== undefined) fallback.journal.supersede(physical);
      if (fallback.pending) fallback.recover();
      return replicas === undefined ? { source: 'redis' } : { source: 'redis', replicas };
    } catch (error) {
      return this.#failed(key, entry, error, { durability, wasDirty, outdates: options.outdates });
    } finally {
      // Kept by the next read: only that knows that nothing came after it.
      local?.forget([key]);
    }
  }

  /** For a Redis that is away, or where there is none. */
  keep<T>(key: string, value: T, options: StoreOptions): WriteReceipt {
    const entry = this.encode(key, value, options);
    if (!entry) return { source: 'none' };
    return this.#keep(this.#parts.physical(key), entry.payload, entry.ttlSeconds);
  }

  async delete(keys: readonly string[]): Promise<number> {
    const { flights, remote, fallback, statistics, local } = this.#parts;
    if (keys.length === 0) return 0;
    const physical = keys.map(this.#parts.physical);
    for (const key of physical) flights.overtake(key);
    if (this.#stamping.size > 0) await Promise.all(physical.map((key) => this.#stamping.get(key)));
    let removed: number;
    try {
      if (!remote) removed = this.#forget(physical);
      else {
        removed = await remote.delete(physical);
        for (const key of physical) fallback.forget(key);
        fallback.journal.acknowledged(physical);
        if (fallback.pending) fallback.recover();
      }
    } catch (error) {
      this.#toMemory('delete', error);
      // Replayed when Redis is back; it cannot be known how many of them Redis has.
      fallback.remember(physical);
      removed = this.#forget(physical);
    } finally {
      local?.forget(keys);
    }
    statistics.deletes += removed;
    const dependents = this.#parts.tags.changed(keys);
    if (dependents) await dependents;
    return removed;
  }

  async clear(): Promise<number> {
    const { flights, fallback, remote, local, options } = this.#parts;
    flights.overtakeAll();
    local?.clear();
    const kept = fallback.memory.clear();
    return remote ? remote.clear(`${options.namespace}:`).finally(() => local?.clear()) : kept;
  }

  #failed(
    key: string,
    { payload, ttlSeconds }: Encoded,
    error: unknown,
    write: { readonly durability: Durability; readonly wasDirty: boolean; readonly outdates: boolean },
  ): WriteReceipt {
    const { fallback } = this.#parts;
    const physical = this.#parts.physical(key);
    if (write.wasDirty && !(error instanceof DurabilityError)) fallback.restore(physical);
    if (write.durability !== 'async') throw error;
    this.#toMemory('set', error);
    if (write.outdates && !fallback.tryRemember(physical)) throw error;
    return this.#keep(physical, payload, ttlSeconds);
  }

  #keep(physical: string, payload: Buffer, ttlSeconds: number | null): WriteReceipt {
    const { fallback, statistics } = this.#parts;
    if (!fallback.memory.set(physical, payload, ttlSeconds)) return { source: 'none' };
    statistics.writes += 1;
    return { source: 'memory' };
  }

  #forget(physical: readonly string[]): number {
    return physical.filter((key) => this.#parts.fallback.memory.delete(key)).length;
  }

  /** The memory answers for Redis, or the error is the caller's. */
  #toMemory(operation: string, error: unknown): void {
    const { options, events } = this.#parts;
    if (options.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
    events.emit({ type: 'fallback', operation, reason: (error as Error).message });
  }
}
