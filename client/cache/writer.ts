/**
 * Writes values as envelopes to Redis, or to memory while Redis is unreachable. A durable write never goes to memory.
 *
 * The first tier always drops its previous entry for the key, and keeps the new value if Redis acknowledged it.
 */

import { isConnectivityError, SerializationError } from '../api/errors.ts';
import type { Durability, WriteOptions, WriteReceipt } from '../api/types.ts';
import { ownMemory } from '../codec/entry-bytes.ts';
import { type EncodeOptions, encodeEnvelope, type Freshness, type TagStamp } from '../codec/envelope.ts';
import { schemaIdOf } from '../codec/schema.ts';
import { writeDurably } from '../invalidation/durable-write.ts';
import type { EntryData } from '../l1/local.ts';
import { BATCH_KEYS, inBatches } from './batches.ts';
import type { CacheContext } from './cache-context.ts';
import { resolveDurability, resolveTtl } from './options.ts';

export interface StoreOptions extends Omit<WriteOptions, 'tags'> {
  /**
   * Number of seconds for which Redis keeps the entry, if this is longer than the time for which the entry is fresh.
   */
  readonly keepSeconds?: number | null;
  readonly freshness?: Freshness | undefined;
  readonly stamps?: readonly TagStamp[] | undefined;
  /** Whether the caller's value is newer than the one that Redis may have. If so, the older value must not reappear. */
  readonly outdates: boolean;
  /** Whether `undefined` is stored, as an entry for "no value". */
  readonly nothing?: boolean;
}

/** Bytes of an entry, and the number of seconds for which Redis keeps them (null: no expiry). */
export interface Encoded {
  readonly payload: Buffer;
  readonly ttlSeconds: number | null;
  readonly freshness: Freshness | undefined;
}

/** Returns the data of an entry as kept by the first tier. An entry for "no value" is kept only in Redis. */
export function entryDataOf(
  value: unknown,
  { payload, freshness }: Encoded,
  { stamps }: Pick<StoreOptions, 'stamps'>,
): EntryData | undefined {
  return value === undefined ? undefined : { payload, freshness, tags: stamps };
}

export class Writer {
  readonly #context: CacheContext;
  /** Keys with a write that has not been sent yet, and the promise of the last such write. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(context: CacheContext) {
    this.#context = context;
  }

  async set<T>(key: string, value: T, options: WriteOptions): Promise<WriteReceipt> {
    const { singleFlight, tags } = this.#context;
    const physical = this.#context.physical(key);
    singleFlight.invalidate(physical);
    const named = tags.namesOf(key, options.tags);
    const store = (stamps: readonly TagStamp[] | undefined): Promise<WriteReceipt> =>
      this.store(key, value, { ...options, stamps, outdates: true });
    try {
      // In the usual case, the write is sent at once: no earlier write to the key is waiting, and the versions of all
      // tags are known.
      const atOnce = this.#turns.size === 0;
      const known = atOnce && named.length > 0 ? tags.stampsKnown(named) : undefined;
      if (known || (atOnce && named.length === 0)) return await store(known);
      const asked = named.length === 0 ? undefined : () => tags.stamps(named);
      return await this.#inTurn([physical], asked, store);
    } finally {
      // Dependent entries are invalidated even after a failure, because Redis may have applied the write.
      const dependents = tags.changed([key]);
      if (dependents) await dependents;
    }
  }

  /**
   * Runs a write after the earlier writes to the key have been sent. A write that first needs the versions of its tags
   * is not sent immediately; later writes to the same key wait for it, so that all writes take effect in the order of
   * the calls.
   */
  #inTurn<R>(
    physical: readonly string[],
    stamps: (() => Promise<readonly TagStamp[]>) | undefined,
    write: (stamps: readonly TagStamp[] | undefined) => Promise<R>,
  ): Promise<R> {
    const turns = this.#turns;
    const before = turns.size === 0 ? [] : physical.map((key) => turns.get(key)).filter((turn) => turn);
    return before.length === 0 && !stamps ? write(undefined) : this.#queued(physical, before, stamps, write);
  }

  async #queued<R>(
    physical: readonly string[],
    before: readonly (Promise<void> | undefined)[],
    stamps: (() => Promise<readonly TagStamp[]>) | undefined,
    write: (stamps: readonly TagStamp[] | undefined) => Promise<R>,
  ): Promise<R> {
    const turns = this.#turns;
    let written: Promise<R> | undefined;
    const begun = Promise.all(before)
      .then(() => stamps?.())
      .then((known) => {
        written = write(known);
      });
    const turn = begun.catch(() => {});
    for (const key of physical) turns.set(key, turn);
    try {
      await begun;
    } finally {
      for (const key of physical) if (turns.get(key) === turn) turns.delete(key);
    }
    return written as Promise<R> | R;
  }

  /**
   * Returns the bytes of the entry and how long Redis keeps them; undefined if the entry is not stored.
   * @throws SerializationError
   */
  encode<T>(key: string, value: T, options: StoreOptions): Encoded | undefined {
    const { options: resolved, codecs, local } = this.#context;
    const ttlSeconds = resolveTtl('ttlSeconds', options.ttlSeconds, resolved.defaultTtlSeconds);
    if (ttlSeconds === 0) return undefined;
    // GET does not return the TTL, so the time of expiry is stored in the entry, for the first tier.
    const ends = local && ttlSeconds !== null ? Date.now() + ttlSeconds * 1000 : undefined;
    const freshness = options.freshness ?? (ends ? { freshUntilMs: ends, loadMs: 0 } : undefined);
    const payload = encodeEntry(key, value, {
      schemaId: schemaIdOf(options.schema, options.schemaId),
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
    const { options: resolved, remote, fallback, statistics, local } = this.#context;
    const physical = this.#context.physical(key);
    const durability = resolveDurability('durability', options.durability, resolved.durability);
    const entry = this.encode(key, value, options);
    if (!entry) return { source: 'none' };
    const { payload, ttlSeconds } = entry;
    if (!remote) return this.#keep(physical, payload, ttlSeconds);
    const { order } = fallback.journal;
    const place = order.begin(physical);
    const wasDirty = durability === 'async' && fallback.isDirty(physical);
    const write = local?.write(key);
    let kept: EntryData | undefined;
    try {
      let replicas: number | undefined;
      if (durability === 'async') {
        fallback.forget(physical);
        await remote.set(physical, payload, ttlSeconds, !options.outdates);
        order.taken(physical, place);
        fallback.settle(physical, place);
      } else {
        const send = (): Promise<number> => remote.setDurable(physical, payload, ttlSeconds, durability);
        replicas = await writeDurably(fallback, physical, place, send);
      }
      kept = write && entryDataOf(value, entry, options);
      statistics.writes += 1;
      if (fallback.pending) fallback.recover();
      return replicas === undefined ? { source: 'redis' } : { source: 'redis', replicas };
    } catch (error) {
      return this.#failed(key, entry, error, { durability, wasDirty, outdates: options.outdates, place });
    } finally {
      order.end(physical);
      write?.end(kept);
    }
  }

  /** Stores a value in memory, for a memory cache and while Redis is unreachable. */
  keep<T>(key: string, value: T, options: StoreOptions): WriteReceipt {
    const entry = this.encode(key, value, options);
    if (!entry) return { source: 'none' };
    return this.#keep(this.#context.physical(key), entry.payload, entry.ttlSeconds);
  }

  async delete(keys: readonly string[]): Promise<number> {
    // An invalid key must be refused before any key is deleted.
    if (keys.length > BATCH_KEYS) for (const key of keys) this.#context.physical(key);
    let removed = 0;
    await inBatches(
      keys,
      (batch) => this.#deleteBatch(batch),
      (count) => {
        removed += count;
      },
    );
    return removed;
  }

  async #deleteBatch(keys: readonly string[]): Promise<number> {
    const { singleFlight, statistics } = this.#context;
    const physical = keys.map(this.#context.physical);
    for (const key of physical) singleFlight.invalidate(key);
    const removed = await this.#inTurn(physical, undefined, () => this.#delete(keys, physical));
    statistics.deletes += removed;
    const dependents = this.#context.tags.changed(keys);
    if (dependents) await dependents;
    return removed;
  }

  async #delete(keys: readonly string[], physical: readonly string[]): Promise<number> {
    const { remote, fallback, local } = this.#context;
    const { order } = fallback.journal;
    const place = order.beginAll(physical);
    try {
      if (!remote) return this.#forget(physical);
      const removed = await remote.delete(physical);
      fallback.journal.acknowledged(physical, place);
      for (const key of physical) fallback.settle(key, place);
      if (fallback.pending) fallback.recover();
      return removed;
    } catch (error) {
      this.#toMemory('delete', error);
      // The deletion is replayed when Redis is reachable. The number of keys that existed in Redis is unknown.
      fallback.remember(physical, place);
      return this.#forget(physical.filter((key) => !order.isSuperseded(key, place)));
    } finally {
      order.endAll(physical);
      local?.forget(keys);
    }
  }

  async clear(): Promise<number> {
    const { singleFlight, fallback, remote, local, clearRemote } = this.#context;
    singleFlight.invalidateAll();
    local?.clear();
    const kept = fallback.memory.clear();
    return remote ? clearRemote().finally(() => local?.clear()) : kept;
  }

  #failed(
    key: string,
    { payload, ttlSeconds }: Encoded,
    error: unknown,
    write: {
      readonly durability: Durability;
      readonly wasDirty: boolean;
      readonly outdates: boolean;
      readonly place: number;
    },
  ): WriteReceipt {
    const { fallback } = this.#context;
    const { place } = write;
    const physical = this.#context.physical(key);
    const isSuperseded = fallback.journal.order.isSuperseded(physical, place);
    if (write.wasDirty && !isSuperseded) fallback.restore(physical, place);
    if (write.durability !== 'async') throw error;
    this.#toMemory('set', error);
    // Redis has a later value, so this write is obsolete.
    if (isSuperseded) return { source: 'none' };
    if (write.outdates && !fallback.tryRemember(physical, place)) throw error;
    return this.#keep(physical, payload, ttlSeconds);
  }

  #keep(physical: string, payload: Buffer, ttlSeconds: number | null): WriteReceipt {
    const { fallback, statistics } = this.#context;
    if (!fallback.memory.set(physical, ownMemory(payload), ttlSeconds)) return { source: 'none' };
    statistics.writes += 1;
    return { source: 'memory' };
  }

  #forget(physical: readonly string[]): number {
    return physical.filter((key) => this.#context.fallback.memory.delete(key)).length;
  }

  /** Records that memory is answering instead of Redis, or throws the error if memory must not answer. */
  #toMemory(operation: string, error: unknown): void {
    const { options, events, refusals } = this.#context;
    if (options.fallbackEntries === 0 || !isConnectivityError(error)) throw error;
    refusals.note(operation, 'store', error);
    events.emit({ type: 'fallback', operation, reason: (error as Error).message });
  }
}

/** Encodes a value. @throws SerializationError with the key in its message */
function encodeEntry(key: string, value: unknown, options: EncodeOptions): Buffer {
  try {
    return encodeEnvelope(value, options);
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    throw new SerializationError(`${key}: ${error.message}`, error.cause);
  }
}
