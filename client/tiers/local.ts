/**
 * The first tier: entries in this process, kept as their payload and decoded once.
 *
 * A JSON value is decoded at its first use into a private copy that is frozen through and through: every hit returns the
 * same object, and no caller can change it. Bytes and rich values cannot be frozen; they are decoded for each hit.
 *
 * A fill is asked for before Redis is asked (`begin`) and done with its answer; what was invalidated in between is not
 * filled. While the tier is not live nothing is filled or served as current, but what it holds can still be asked for
 * (`remembered`), for the time in which Redis does not answer.
 *
 * Eviction is SIEVE: a hit only sets a mark, and the hand passes marked entries over once (Zhang et al., NSDI 2024).
 * Left out: who invalidates (`coherence.ts`), and whether the tags of an entry are current (`reader.ts`).
 */
import type { Freshness, TagStamp } from '../envelope.ts';
import type { StandardSchema } from '../types.ts';

export interface LocalEntry {
  readonly payload: Buffer;
  readonly tags: readonly TagStamp[] | undefined;
  readonly freshness: Freshness | undefined;
  /** Unix time in ms. */
  readonly expiresAt: number;
  /** The frozen value, as the schema (where one was asked for) gave it; void until `ready`. Bytes and rich values never are. */
  value: unknown;
  ready: boolean;
  schema: StandardSchema | undefined;
  schemaId: string | undefined;
}

interface Slot extends LocalEntry {
  readonly key: string;
  visited: boolean;
  newer: Slot | undefined;
  older: Slot | undefined;
}

/** One fill on its way; void once its key was invalidated. */
export interface Fill {
  readonly key: string;
  valid: boolean;
}

export interface LocalTierOptions {
  readonly maxEntries: number;
  /** Longest time an entry stays without being asked for again from Redis, in ms. */
  readonly ttlMs: number;
  readonly now?: () => number;
}

export class LocalTier {
  readonly #maxEntries: number;
  readonly #ttlMs: number;
  readonly #now: () => number;
  readonly #slots = new Map<string, Slot>();
  readonly #fills = new Map<string, Set<Fill>>();
  #newest: Slot | undefined;
  #oldest: Slot | undefined;
  #hand: Slot | undefined;
  #live = false;
  evictions = 0;

  constructor(options: LocalTierOptions) {
    this.#maxEntries = options.maxEntries;
    this.#ttlMs = options.ttlMs;
    this.#now = options.now ?? Date.now;
  }

  get size(): number {
    return this.#slots.size;
  }

  get live(): boolean {
    return this.#live;
  }

  /** Invalidations arrive from now on: what is held from before may be outdated, and goes. */
  arm(): void {
    this.clear();
    this.#live = true;
  }

  /** Invalidations may be missed: nothing held is current any more, and no fill on its way may be done. */
  disarm(): void {
    this.#live = false;
    this.#voidAll();
  }

  /** A current entry; undefined while the tier is not live. */
  get(key: string): LocalEntry | undefined {
    if (!this.#live) return undefined;
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.expiresAt <= this.#now()) {
      this.#remove(slot);
      return undefined;
    }
    slot.visited = true;
    return slot;
  }

  /** What was current when the tier was last live: better than no answer. */
  remembered(key: string): LocalEntry | undefined {
    const slot = this.#slots.get(key);
    return slot !== undefined && slot.expiresAt > this.#now() ? slot : undefined;
  }

  begin(key: string): Fill {
    const fill = { key, valid: this.#live };
    if (!fill.valid) return fill;
    const fills = this.#fills.get(key);
    if (fills) fills.add(fill);
    else this.#fills.set(key, new Set([fill]));
    return fill;
  }

  /** Ends a fill, with an entry where Redis had one. */
  end(fill: Fill, entry?: Pick<LocalEntry, 'payload' | 'tags' | 'freshness'>): void {
    const fills = this.#fills.get(fill.key);
    if (fills?.delete(fill) && fills.size === 0) this.#fills.delete(fill.key);
    if (!fill.valid || entry === undefined) return;
    this.#put(fill.key, entry);
  }

  /** The key changed: what is held goes, and fills on their way are void. */
  invalidate(key: string): void {
    const slot = this.#slots.get(key);
    if (slot) this.#remove(slot);
    const fills = this.#fills.get(key);
    if (!fills) return;
    for (const fill of fills) fill.valid = false;
    this.#fills.delete(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#hand = undefined;
    this.#voidAll();
  }

  #voidAll(): void {
    for (const fills of this.#fills.values()) for (const fill of fills) fill.valid = false;
    this.#fills.clear();
  }

  #put(key: string, { payload, tags, freshness }: Pick<LocalEntry, 'payload' | 'tags' | 'freshness'>): void {
    const existing = this.#slots.get(key);
    if (existing) this.#remove(existing);
    const bound = this.#now() + this.#ttlMs;
    const expiresAt = freshness ? Math.min(bound, freshness.freshUntilMs) : bound;
    const older = this.#newest;
    const slot: Slot = {
      key,
      payload,
      tags,
      freshness,
      expiresAt,
      value: undefined,
      ready: false,
      schema: undefined,
      schemaId: undefined,
      visited: false,
      newer: undefined,
      older,
    };
    if (older) older.newer = slot;
    this.#newest = slot;
    this.#oldest ??= slot;
    this.#slots.set(key, slot);
    if (this.#slots.size > this.#maxEntries) this.#evict();
  }

  #evict(): void {
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
    if (this.#hand === slot) this.#hand = slot.newer;
    if (slot.newer) slot.newer.older = slot.older;
    else this.#newest = slot.older;
    if (slot.older) slot.older.newer = slot.newer;
    else this.#oldest = slot.newer;
  }
}

/** Freezes plain data with all that it holds. What JSON gives has no cycles and nothing that cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const field of Object.values(value)) deepFreeze(field);
  return Object.freeze(value);
}
