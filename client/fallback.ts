/**
 * What is done in memory while Redis is away, so that it does no harm when Redis is back.
 *
 * Entries written meanwhile are served from here and dropped on return. Keys that were set or deleted meanwhile still
 * have their old value in Redis: until they are deleted there too, they are answered from here and never from Redis.
 */
import { NotSentError } from './errors.ts';
import { MemoryStore } from './memory.ts';

/** Keys that may await their deletion; beyond it a deletion fails instead of being forgotten. */
const DIRTY_MAX = 10_000;
const BATCH = 500;
const RETRY_MS = 250;

export class Fallback {
  readonly memory: MemoryStore;
  readonly #replay: (keys: readonly string[]) => Promise<void>;
  /** With the number of their last change, so that a replay does not settle a later one. */
  readonly #dirty = new Map<string, number>();
  #changes = 0;
  #running = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(entries: number, replay: (keys: readonly string[]) => Promise<void>) {
    this.memory = new MemoryStore(entries);
    this.#replay = replay;
  }

  /** Redis has an older value for the key than the caller knows of. */
  isDirty(key: string): boolean {
    return this.#dirty.size > 0 && this.#dirty.has(key);
  }

  get pending(): boolean {
    return this.#dirty.size > 0 || this.memory.size > 0;
  }

  /**
   * The old values of these keys must not come back.
   *
   * @throws NotSentError too many await it already
   */
  remember(keys: readonly string[]): void {
    const fresh = keys.filter((key) => !this.#dirty.has(key));
    if (this.#dirty.size + fresh.length > DIRTY_MAX)
      throw new NotSentError(`Redis is away and ${DIRTY_MAX} keys await their deletion already`);
    for (const key of keys) this.restore(key);
  }

  /** As `remember`; false where it would throw. */
  tryRemember(key: string): boolean {
    if (this.#dirty.size >= DIRTY_MAX && !this.#dirty.has(key)) return false;
    this.restore(key);
    return true;
  }

  /** The write for which the key was forgotten has failed: Redis is as outdated as before. Never refused. */
  restore(key: string): void {
    this.#changes += 1;
    this.#dirty.set(key, this.#changes);
  }

  /** Redis takes a new value for the key, or has deleted it. */
  forget(key: string): void {
    if (!this.pending) return;
    this.#dirty.delete(key);
    this.memory.delete(key);
  }

  /** Redis answers again: delete there what is outdated, drop what is kept here. Safe to call at any time. */
  recover(): void {
    if (this.#running || !this.pending) return;
    this.#running = true;
    clearTimeout(this.#retry);
    this.#settle()
      .catch(() => {
        this.#retry = setTimeout(() => this.recover(), RETRY_MS);
        this.#retry.unref();
      })
      .finally(() => {
        this.#running = false;
      });
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.memory.clear();
  }

  async #settle(): Promise<void> {
    while (this.#dirty.size > 0) {
      const batch = [...this.#dirty].slice(0, BATCH);
      await this.#replay(batch.map(([key]) => key));
      for (const [key, change] of batch) {
        if (this.#dirty.get(key) !== change) continue;
        this.#dirty.delete(key);
        this.memory.delete(key);
      }
    }
    this.memory.clear();
  }
}
