/**
 * The first tier: entries in this process, kept as payloads and decoded once.
 *
 * When a JSON value is first used, it is decoded into a private, deeply frozen copy: every hit returns the same object,
 * and no caller can change it. Bytes and rich values cannot be frozen, so they are decoded on every hit.
 *
 * A fill begins before Redis is read and ends with the reply; it keeps nothing if the key was invalidated in the
 * meantime. While coherence is not live, no entry is served as current, but entries can still be read (`remembered`)
 * while Redis does not reply.
 *
 * A value that this process has written is served once it is acknowledged, but only until `boundMs` after it was sent,
 * so any later write happened less than `boundMs` ago. The first read of the value checks in the background whether
 * Redis still has it; after this check it is an ordinary entry. The first read after a write therefore still costs a
 * command, but does not wait for it.
 *
 * Eviction is SIEVE: a hit only sets a mark, and the hand skips marked entries once (Zhang et al., NSDI 2024). Left
 * out: invalidation (`coherence.ts`), and whether the tags of an entry are current (`reader.ts`).
 */

import type { StandardSchema } from '../api/types.ts';
import { decodedBytes, encodedBytes, ownMemory } from '../codec/entry-bytes.ts';
import { type Freshness, isJson, type TagStamp } from '../codec/envelope.ts';
import { now } from '../transport/timing.ts';
import type { Coherence } from './coherence.ts';

export interface LocalEntry {
  readonly payload: Buffer;
  readonly tags: readonly TagStamp[] | undefined;
  readonly freshness: Freshness | undefined;
  /** Time of expiry on the monotonic clock. */
  readonly expiresAt: number;
  /**
   * Frozen value, as returned by the schema if one was given; not valid until `ready` is true. Never set for bytes and
   * rich values.
   */
  value: unknown;
  ready: boolean;
  schema: StandardSchema | undefined;
  schemaId: string | undefined;
}

/** State of a value that this process wrote, until a read from Redis has confirmed it. */
interface Own {
  /** Until this time on the monotonic clock, any write that replaced the value happened at most `boundMs` ago. */
  readonly untilMs: number;
  /**
   * Whether the server has reported a change, presumably this write. A second report means a write by another client.
   */
  told: boolean;
  asked: boolean;
}

/** A write in flight. */
interface Writing {
  readonly untilMs: number;
  told: number;
}

/**
 * Lease of a load, in place of its entry. The server reports the lease as a write, and does so before it reports the
 * stored value. `end` must always be called.
 */
export interface LocalLease {
  told: number;
  end(): void;
}

interface Slot extends LocalEntry {
  readonly key: string;
  bytes: number;
  own: Own | undefined;
  visited: boolean;
  newer: Slot | undefined;
  older: Slot | undefined;
}

/** Data of an entry to be kept by a fill. */
export type EntryData = Pick<LocalEntry, 'payload' | 'tags' | 'freshness'>;

/** Fill in flight. `end` must be called; it keeps the entry unless its key was changed in the meantime. */
export interface LocalFill {
  end(entry?: EntryData): void;
}

/**
 * Write in flight. `end` must be called with the acknowledged value, which is kept unless another client changed the
 * key in the meantime.
 */
export interface LocalWrite {
  end(entry?: EntryData): void;
}

export interface LocalTierOptions {
  readonly maxEntries: number;
  /** Maximum estimated memory of all entries; default: no limit. */
  readonly maxBytes?: number;
  /** Maximum time, in ms, that an entry is kept without being read from Redis again. */
  readonly ttlMs: number;
  /** Prefix of the physical keys: `ns:`. */
  readonly prefix: string;
  /**
   * Reads the key from the master; null if it is absent. Without this function, values that this process writes are
   * not kept.
   */
  readonly ask?: (key: string) => Promise<Buffer | null>;
  /** Unix time in ms. */
  readonly now?: () => number;
  /** Monotonic clock in ms. */
  readonly clock?: () => number;
}

export type Coherent = Pick<Coherence, 'live' | 'boundMs' | 'covers' | 'begin' | 'forget' | 'on' | 'close'>;

export class LocalTier {
  readonly #options: LocalTierOptions;
  readonly #coherence: Coherent;
  readonly #now: () => number;
  readonly #clock: () => number;
  /** Entries by logical key. */
  readonly #slots = new Map<string, Slot>();
  /** Last write of each key. */
  readonly #writes = new Map<string, Writing>();
  readonly #leases = new Map<string, LocalLease>();
  /** Time, on the monotonic clock, at which coherence was lost; since then, nothing has been served as current. */
  #lostAt: number | undefined;
  #newest: Slot | undefined;
  #oldest: Slot | undefined;
  #hand: Slot | undefined;
  #bytes = 0;
  readonly #maxBytes: number;
  evictions = 0;

  constructor(coherence: Coherent, options: LocalTierOptions) {
    this.#coherence = coherence;
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.#now = options.now ?? Date.now;
    this.#clock = options.clock ?? now;
    coherence.on((event) => {
      if (event.type === 'reset') this.clear();
      else if (event.type === 'lost') this.#lostAt ??= this.#clock();
      else if (event.type === 'live') this.#lostAt = undefined;
      else for (const key of event.keys) this.#changed(key.slice(options.prefix.length), event.here);
    });
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Returns the estimated memory of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds the memory of a decoded value, estimated from the size of its JSON. The value is kept together with its
   * payload.
   */
  weigh(key: string, entry: LocalEntry, jsonBytes: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot !== entry) return;
    const bytes = encodedBytes(key, slot.payload) + decodedBytes(jsonBytes);
    this.#bytes += bytes - slot.bytes;
    slot.bytes = bytes;
    if (bytes > this.#maxBytes) this.#remove(slot);
    else this.#evict();
  }

  /** Whether entries may be served. */
  get live(): boolean {
    return this.#coherence.live;
  }

  /** Returns a current entry. */
  get(key: string): LocalEntry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#coherence.live) return undefined;
    if (slot.expiresAt <= this.#clock()) {
      this.#remove(slot);
      return undefined;
    }
    if (slot.own && !this.#stands(slot, slot.own)) return undefined;
    slot.visited = true;
    return slot;
  }

  /** Returns, as a fallback, an entry that was current when coherence was last live. */
  remembered(key: string): LocalEntry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || slot.expiresAt <= this.#clock()) return undefined;
    // The entry was written by this process and was not confirmed by Redis in time, so it may never have been current.
    return slot.own && (this.#lostAt ?? this.#clock()) >= slot.own.untilMs ? undefined : slot;
  }

  begin(key: string): LocalFill {
    const fill = this.#coherence.begin(this.#options.prefix + key);
    return {
      end: (entry) => {
        if (fill.end() && entry) this.#put(key, entry);
      },
    };
  }

  /** Begins a lease. Must be called before the lease of an absent entry is acquired. */
  lease(key: string): LocalLease {
    const lease: LocalLease = {
      told: 0,
      end: () => {
        if (this.#leases.get(key) === lease) this.#leases.delete(key);
      },
    };
    this.#leases.set(key, lease);
    return lease;
  }

  /**
   * Begins a write. Must be called before a key is written. When the write ends, the entry for the key is dropped,
   * regardless of the outcome.
   *
   * @param lease the lease that the value replaces
   */
  write(key: string, lease?: LocalLease): LocalWrite {
    const physical = this.#options.prefix + key;
    const kept = this.#options.ask && this.#coherence.live && this.#coherence.covers(physical);
    // A pending report about the lease does not concern this write.
    const told = lease?.told === 0 ? -1 : 0;
    const writing = { untilMs: this.#clock() + this.#coherence.boundMs, told };
    if (kept) this.#writes.set(key, writing);
    return {
      end: (entry) => {
        // If the record of this write has been removed, there has been another write, a deletion or a gap.
        const undisturbed = this.#writes.get(key) === writing && writing.told <= 1;
        this.#coherence.forget([physical]);
        if (!entry || !undisturbed || !this.#coherence.live) return;
        this.#put(key, entry).own = { untilMs: writing.untilMs, told: writing.told === 1, asked: false };
      },
    };
  }

  /** Drops keys that this process changed, or may have changed. */
  forget(keys: readonly string[]): void {
    this.#coherence.forget(keys.map((key) => this.#options.prefix + key));
  }

  clear(): void {
    this.#slots.clear();
    this.#bytes = 0;
    this.#writes.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#hand = undefined;
  }

  close(): void {
    this.#coherence.close();
    this.clear();
  }

  #changed(key: string, here: boolean): void {
    const slot = this.#slots.get(key);
    if (here) {
      this.#writes.delete(key);
      if (slot) this.#remove(slot);
      return;
    }
    const lease = this.#leases.get(key);
    if (lease) lease.told += 1;
    const writing = this.#writes.get(key);
    if (writing) writing.told += 1;
    if (slot?.own?.told === false) slot.own.told = true;
    else if (slot) this.#remove(slot);
  }

  /** Whether a value that this process wrote may still be served. The first call also checks the value in Redis. */
  #stands(slot: Slot, own: Own): boolean {
    if (this.#clock() >= own.untilMs) {
      this.#remove(slot);
      return false;
    }
    // Until the invalidation of this process's own write has arrived, a check would prove nothing.
    if (own.told && !own.asked) this.#confirm(slot, own);
    return true;
  }

  #confirm(slot: Slot, own: Own): void {
    own.asked = true;
    const fill = this.#coherence.begin(this.#options.prefix + slot.key);
    this.#options.ask?.(slot.key).then(
      (payload) => {
        if (!fill.end() || this.#slots.get(slot.key) !== slot) return;
        if (payload?.equals(slot.payload)) slot.own = undefined;
        else this.#remove(slot);
      },
      () => fill.end(),
    );
  }

  #put(key: string, { payload, tags, freshness }: EntryData): Slot {
    const existing = this.#slots.get(key);
    if (existing) this.#remove(existing);
    const at = this.#clock();
    const bound = at + this.#options.ttlMs;
    // The entry contains a Unix time, which is converted here, so that later steps of the wall clock have no effect.
    const expiresAt = freshness ? Math.min(bound, at + freshness.freshUntilMs - this.#now()) : bound;
    const older = this.#newest;
    const slot: Slot = {
      key,
      bytes: encodedBytes(key, payload),
      payload: ownMemory(payload),
      tags,
      freshness,
      expiresAt,
      own: undefined,
      value: undefined,
      ready: false,
      schema: undefined,
      schemaId: undefined,
      visited: false,
      newer: undefined,
      older,
    };
    // The entry alone exceeds the limit, now or once it is decoded, so it is not kept.
    const laterBytes = isJson(payload) ? decodedBytes(payload.length) : 0;
    if (slot.bytes + laterBytes > this.#maxBytes) return slot;
    if (older) older.newer = slot;
    this.#newest = slot;
    this.#oldest ??= slot;
    this.#slots.set(key, slot);
    this.#bytes += slot.bytes;
    this.#evict();
    return slot;
  }

  #evict(): void {
    while (this.#slots.size > this.#options.maxEntries || this.#bytes > this.#maxBytes) this.#evictOne();
  }

  #evictOne(): void {
    let slot = this.#hand ?? this.#oldest;
    while (slot?.visited) {
      slot.visited = false;
      slot = slot.newer ?? this.#oldest;
    }
    if (!slot) return;
    this.#hand = slot.newer;
    this.#remove(slot);
    this.evictions += 1;
  }

  #remove(slot: Slot): void {
    this.#slots.delete(slot.key);
    this.#bytes -= slot.bytes;
    if (this.#hand === slot) this.#hand = slot.newer;
    if (slot.newer) slot.newer.older = slot.older;
    else this.#newest = slot.older;
    if (slot.older) slot.older.newer = slot.newer;
    else this.#oldest = slot.newer;
  }
}

/** Freezes plain data recursively. JSON values have no cycles, and all of their parts can be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const field of Object.values(value)) deepFreeze(field);
  return Object.freeze(value);
}

/** Whether a value is plain JSON data, which can be frozen and shared. */
export function isPlainData(value: unknown, above: readonly object[] = []): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  if (above.includes(value)) return false;
  const path = [...above, value];
  return Object.values(value).every((field) => isPlainData(field, path));
}
