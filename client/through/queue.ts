/**
 * The changes that wait for the sink, the last one for each key. A change counts against the bound from the call on, but
 * is taken only once the cache has it too, so that what the cache refuses never reaches the sink.
 */
import { QueueFullError } from '../errors.ts';
import type { Change } from './source.ts';

interface Waiting<T> {
  readonly change: Change<T>;
  /** The cache has it. */
  ready: boolean;
  /** What stood here before and was not taken yet: it comes back if this one is withdrawn. */
  before: Waiting<T> | undefined;
}

export class ChangeQueue<T> {
  readonly #max: number;
  readonly #waiting = new Map<string, Waiting<T>>();
  coalesced = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  find(key: string): Change<T> | undefined {
    return this.#waiting.get(key)?.change;
  }

  /** @throws QueueFullError as many keys wait already */
  add(change: Change<T>): void {
    const before = this.#waiting.get(change.key);
    if (!before && this.#waiting.size >= this.#max)
      throw new QueueFullError(`${this.#max} changes wait to be stored`);
    this.#waiting.set(change.key, { change, ready: false, before });
  }

  release(change: Change<T>): void {
    for (let at = this.#waiting.get(change.key); at; at = at.before) {
      if (at.change !== change) continue;
      at.ready = true;
      if (at.before) this.coalesced += 1;
      at.before = undefined;
      return;
    }
  }

  withdraw(change: Change<T>): void {
    const top = this.#waiting.get(change.key);
    if (top?.change === change) {
      if (top.before) this.#waiting.set(change.key, top.before);
      else this.#waiting.delete(change.key);
      return;
    }
    for (let at = top; at; at = at.before) if (at.before?.change === change) at.before = at.before.before;
  }

  /** The oldest that the cache has, at most `count`; they wait no longer. */
  take(count: number): readonly Change<T>[] {
    const taken: Change<T>[] = [];
    for (const [key, waiting] of this.#waiting) {
      if (taken.length >= count) break;
      if (!waiting.ready) continue;
      taken.push(waiting.change);
      this.#waiting.delete(key);
    }
    return taken;
  }

  /** All of them, ready or not. */
  drain(): readonly Change<T>[] {
    const rest = [...this.#waiting.values()].map(({ change }) => change);
    this.#waiting.clear();
    return rest;
  }
}
