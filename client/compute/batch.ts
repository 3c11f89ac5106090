/**
 * Makes one call of a loader of many out of the loads of single keys: it waits until each key of the round has asked to be
 * loaded or passed (it was there, is loaded by somebody else, or is waited for). What asks later is loaded in further calls.
 */
import type { LoadContext } from '../types.ts';

export type LoadMany<T> = (
  keys: readonly string[],
  context: LoadContext,
) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>;

interface Wish<T> {
  readonly key: string;
  readonly context: LoadContext;
  readonly resolve: (value: T | PromiseLike<T>) => void;
}

/** Keys that ask late and together (refreshes) are loaded together. */
const LATE_MS = 2;

export class Batch<T> {
  readonly #load: LoadMany<T>;
  readonly #undecided: Set<string>;
  #wishes: Wish<T>[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(keys: readonly string[], load: LoadMany<T>) {
    this.#load = load;
    this.#undecided = new Set(keys);
  }

  /** The loader of one key. A key that the loader of many leaves out has no value. */
  load(key: string, context: LoadContext): Promise<T> {
    return new Promise((resolve) => {
      this.#wishes.push({ key, context, resolve });
      if (this.#undecided.delete(key)) this.#dispatchWhenDecided();
      else this.#timer ??= setTimeout(() => this.#dispatchWhenDecided(), LATE_MS);
    });
  }

  pass(key: string): void {
    if (this.#undecided.delete(key)) this.#dispatchWhenDecided();
  }

  #dispatchWhenDecided(): void {
    if (this.#undecided.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const wishes = this.#wishes;
    this.#wishes = [];
    const [first] = wishes;
    if (!first) return;
    const values = this.#call(
      wishes.map(({ key }) => key),
      first.context,
    );
    for (const { key, resolve } of wishes) resolve(values.then((map) => map.get(key) as T));
  }

  /** All began in the same moment with the same options: the first one's signal is that of all. */
  async #call(keys: readonly string[], context: LoadContext): Promise<ReadonlyMap<string, T>> {
    return this.#load(keys, context);
  }
}
