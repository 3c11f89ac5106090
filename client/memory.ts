/**
 * Entries in this process: least recently used out first, each with its own expiry. Values are kept encoded, so that
 * a caller that changes what it stored or was given changes nothing here.
 */
interface Slot {
  readonly payload: Buffer;
  readonly expiresAt: number;
}

export class MemoryStore {
  readonly #capacity: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #slots = new Map<string, Slot>();

  /** @param now monotonic, in ms */
  constructor(capacity: number, now: () => number = () => performance.now()) {
    this.#capacity = capacity;
    this.#now = now;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): Buffer | undefined {
    const slot = this.#slots.get(key);
    if (!slot) return undefined;
    this.#slots.delete(key);
    if (slot.expiresAt <= this.#now()) return undefined;
    this.#slots.set(key, slot);
    return slot.payload;
  }

  /** False when nothing is kept here at all. */
  set(key: string, payload: Buffer, ttlSeconds: number | null): boolean {
    if (this.#capacity === 0) return false;
    this.#slots.delete(key);
    this.#slots.set(key, {
      payload,
      expiresAt: ttlSeconds === null ? Number.POSITIVE_INFINITY : this.#now() + ttlSeconds * 1000,
    });
    if (this.#slots.size > this.#capacity) {
      const [oldest] = this.#slots.keys();
      if (oldest !== undefined) this.#slots.delete(oldest);
    }
    return true;
  }

  /** null: no expiry; undefined: not there. Not a use. */
  remainingMs(key: string): number | null | undefined {
    const slot = this.#slots.get(key);
    const ms = (slot?.expiresAt ?? 0) - this.#now();
    if (!slot || ms <= 0) return undefined;
    return Number.isFinite(ms) ? ms : null;
  }

  /** True when a live entry was there. */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    this.#slots.delete(key);
    return slot !== undefined && slot.expiresAt > this.#now();
  }

  /** How many live entries were there. */
  deleteWhere(matches: (key: string) => boolean): number {
    return [...this.#slots.keys()].filter((key) => matches(key) && this.delete(key)).length;
  }

  clear(): number {
    const count = this.#slots.size;
    this.#slots.clear();
    return count;
  }
}
