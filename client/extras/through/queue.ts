/**
 * Changes that are waiting to be sent to the sink, with only the last change for each key. A change counts against the
 * limits as soon as the call is made, but is sent only once the cache has applied it, so a change that the cache
 * rejects never reaches the sink.
 */
import { QueueFullError } from '../../api/errors.ts';
import type { Change } from './source.ts';

interface Waiting<T> {
  readonly change: Change<T>;
  readonly bytes: number;
  /** Whether the cache has applied the change. */
  ready: boolean;
  /** Earlier change to this key that the cache has not applied yet. It is restored if this change is withdrawn. */
  before: Waiting<T> | undefined;
}

/** Limit on the size of the queue, in addition to the limit on the number of keys. */
export interface QueueBytes<T> {
  readonly maxBytes: number;
  readonly bytesOf: (change: Change<T>) => number;
}

export class ChangeQueue<T> {
  readonly #max: number;
  readonly #limit: QueueBytes<T> | undefined;
  readonly #waiting = new Map<string, Waiting<T>>();
  /**
   * Changes that were replaced by a later change to the same key before the cache had applied them. Each is counted
   * once the cache applies it, and dropped if the cache refuses it.
   */
  readonly #superseded = new Set<Change<T>>();
  #bytes = 0;
  /** Number of changes that the cache applied, but that were replaced by a later change to the same key. */
  coalesced = 0;

  constructor(max: number, limit?: QueueBytes<T>) {
    this.#max = max;
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.size;
  }

  find(key: string): Change<T> | undefined {
    return this.#waiting.get(key)?.change;
  }

  /** Adds a change. @throws QueueFullError if the maximum number of keys or bytes is already waiting */
  add(change: Change<T>): void {
    const before = this.#waiting.get(change.key);
    if (!before && this.#waiting.size >= this.#max)
      throw new QueueFullError(`${this.#max} changes are already waiting to be stored (queueMax)`);
    const bytes = this.#limit?.bytesOf(change) ?? 0;
    if (this.#limit && this.#bytes + bytes > this.#limit.maxBytes)
      throw new QueueFullError(
        `${change.key}: its ${bytes} bytes and the ${this.#bytes} bytes waiting to be stored exceed ${this.#limit.maxBytes} (queueBytes)`,
      );
    this.#bytes += bytes;
    this.#waiting.set(change.key, { change, bytes, ready: false, before });
  }

  release(change: Change<T>): void {
    if (this.#superseded.delete(change)) this.coalesced += 1;
    for (let at = this.#waiting.get(change.key); at; at = at.before) {
      if (at.change !== change) continue;
      at.ready = true;
      this.#supersede(at.before);
      at.before = undefined;
      return;
    }
  }

  withdraw(change: Change<T>): void {
    this.#superseded.delete(change);
    const top = this.#waiting.get(change.key);
    if (top?.change === change) {
      this.#bytes -= top.bytes;
      if (top.before) this.#waiting.set(change.key, top.before);
      else this.#waiting.delete(change.key);
      return;
    }
    for (let at = top; at; at = at.before) {
      if (at.before?.change !== change) continue;
      this.#bytes -= at.before.bytes;
      at.before = at.before.before;
    }
  }

  /** Removes and returns up to `count` of the oldest changes that the cache has applied. */
  take(count: number): readonly Change<T>[] {
    const taken: Change<T>[] = [];
    for (const [key, waiting] of this.#waiting) {
      if (taken.length >= count) break;
      if (!waiting.ready) continue;
      taken.push(waiting.change);
      this.#bytes -= waiting.bytes;
      this.#waiting.delete(key);
    }
    return taken;
  }

  /** Removes and returns all changes, including those that the cache has not applied yet. */
  drain(): readonly Change<T>[] {
    const rest = [...this.#waiting.values()].map(({ change }) => change);
    this.#waiting.clear();
    this.#superseded.clear();
    this.#bytes = 0;
    return rest;
  }

  /**
   * Drops a change and all earlier ones. Changes that the cache has not applied yet are counted once it applies them.
   */
  #supersede(first: Waiting<T> | undefined): void {
    for (let at = first; at; at = at.before) {
      this.#bytes -= at.bytes;
      if (at.ready) this.coalesced += 1;
      else this.#superseded.add(at.change);
    }
  }
}
