/**
 * Entries in this process, limited in number and in bytes. The least recently used entries are evicted first, and each
 * entry has its own expiry. Values are kept encoded, so that changes to a stored or returned object do not affect the
 * entry.
 */
import { encodedBytes } from '../codec/entry-bytes.ts';

interface Slot {
  readonly payload: Buffer;
  readonly expiresAt: number;
  readonly bytes: number;
}

export class MemoryStore {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** Entries, least recently used first. */
  readonly #slots = new Map<string, Slot>();
  #bytes = 0;

  /**
   * @param capacity maximum number of entries
   * @param now monotonic clock, in ms
   * @param maxBytes maximum estimated memory of the entries
   */
  constructor(
    capacity: number,
    now: () => number = () => performance.now(),
    maxBytes = Number.POSITIVE_INFINITY,
  ) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#now = now;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Returns the estimated memory of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Buffer | undefined {
    const slot = this.#slots.get(key);
    if (!slot) return undefined;
    if (slot.expiresAt <= this.#now()) {
      this.#remove(key);
      return undefined;
    }
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    return slot.payload;
  }

  /**
   * Stores an entry. Returns false if the capacity is 0, or if the entry alone exceeds `maxBytes`. The previous entry
   * is always removed.
   */
  set(key: string, payload: Buffer, ttlSeconds: number | null): boolean {
    this.#remove(key);
    const bytes = encodedBytes(key, payload);
    if (this.#capacity === 0 || bytes > this.#maxBytes) return false;
    this.#slots.set(key, {
      payload,
      expiresAt: ttlSeconds === null ? Number.POSITIVE_INFINITY : this.#now() + ttlSeconds * 1000,
      bytes,
    });
    this.#bytes += bytes;
    for (const oldest of this.#slots.keys()) {
      if (this.#slots.size <= this.#capacity && this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
    return true;
  }

  /** Returns the remaining TTL; null if there is no expiry, undefined if there is no entry. Does not count as a use. */
  remainingMs(key: string): number | null | undefined {
    const slot = this.#slots.get(key);
    const ms = (slot?.expiresAt ?? 0) - this.#now();
    if (!slot || ms <= 0) return undefined;
    return Number.isFinite(ms) ? ms : null;
  }

  /** Deletes an entry. Returns true if it was live. */
  delete(key: string): boolean {
    const slot = this.#remove(key);
    return slot !== undefined && slot.expiresAt > this.#now();
  }

  /** Deletes all entries with a matching key. Returns how many of them were live. */
  deleteWhere(matches: (key: string) => boolean): number {
    return [...this.#slots.keys()].filter((key) => matches(key) && this.delete(key)).length;
  }

  clear(): number {
    const count = this.#slots.size;
    this.#slots.clear();
    this.#bytes = 0;
    return count;
  }

  #remove(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#bytes -= slot.bytes;
    return slot;
  }
}
