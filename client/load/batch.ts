/**
 * Combines the loads of individual keys into one call of a bulk loader. The call starts when every key of the round has
 * either requested a load or been passed (the key was found, another process is loading it, or a running load is
 * awaited). Background refreshes form a separate round. Later requests are loaded in additional calls.
 */
import { ConfigurationError } from '../api/errors.ts';
import type { LoadContext, LoadManyContext } from '../api/types.ts';

export type LoadMany<T> = (
  keys: readonly string[],
  context: LoadManyContext,
) => Promise<ReadonlyMap<string, T>> | ReadonlyMap<string, T>;

interface Wish<T> {
  readonly key: string;
  readonly context: LoadContext;
  readonly resolve: (value: T | PromiseLike<T>) => void;
}

/** One call to the loader, made once every key of the round has either requested a load or been passed. */
class Round<T> {
  readonly undecided: Set<string>;
  readonly #dispatch: (wishes: readonly Wish<T>[]) => void;
  #wishes: Wish<T>[] = [];

  constructor(keys: readonly string[], dispatch: (wishes: readonly Wish<T>[]) => void) {
    this.undecided = new Set(keys);
    this.#dispatch = dispatch;
  }

  /**
   * Records whether a key of this round needs to be loaded; if so, `wish` is given. Returns false if the key is not
   * waiting in this round.
   */
  decide(key: string, wish?: Wish<T>): boolean {
    if (!this.undecided.delete(key)) return false;
    if (wish) this.#wishes.push(wish);
    if (this.undecided.size === 0) {
      const wishes = this.#wishes;
      this.#wishes = [];
      if (wishes.length > 0) this.#dispatch(wishes);
    }
    return true;
  }
}

export class Batch<T> {
  readonly #load: LoadMany<T>;
  readonly #asked: Round<T>;
  readonly #refreshed: Round<T>;

  constructor(keys: readonly string[], load: LoadMany<T>) {
    const dispatch = (wishes: readonly Wish<T>[]): void => this.#dispatch(wishes);
    this.#load = load;
    this.#asked = new Round(keys, dispatch);
    this.#refreshed = new Round([], dispatch);
  }

  /** Loads one key. A key that the bulk loader omits has no value. */
  load(key: string, context: LoadContext): Promise<T> {
    return new Promise((resolve) => {
      const wish = { key, context, resolve };
      if (!this.#asked.decide(key, wish) && !this.#refreshed.decide(key, wish)) this.#dispatch([wish]);
    });
  }

  /** Reports that the caller of the key has a value, or is waiting for another load. */
  pass(key: string): void {
    this.#asked.decide(key);
  }

  /** Reports that the key may be loaded later, in the background. */
  defer(key: string): void {
    this.#refreshed.undecided.add(key);
    this.#asked.decide(key);
  }

  /** Reports that the refresh of the key has ended, or that another load performs it. */
  settle(key: string): void {
    this.#refreshed.decide(key);
  }

  #dispatch(wishes: readonly Wish<T>[]): void {
    const [first] = wishes;
    if (!first) return;
    const contexts = new Map(wishes.map(({ key, context }) => [key, context]));
    const values = this.#call([...contexts.keys()], joinContexts(first.context.signal, contexts));
    for (const { key, resolve } of wishes) resolve(values.then((map) => map.get(key) as T));
  }

  /**
   * Calls the bulk loader. All loads were started together with the same options, so they share the signal of the first
   * load.
   */
  async #call(keys: readonly string[], context: LoadManyContext): Promise<ReadonlyMap<string, T>> {
    return this.#load(keys, context);
  }
}

/** Returns the context of all keys, composed of their individual contexts. */
function joinContexts(signal: AbortSignal, contexts: ReadonlyMap<string, LoadContext>): LoadManyContext {
  const all = [...contexts.values()];
  return {
    signal,
    setTtlSeconds: (ttlSeconds) => {
      for (const context of all) context.setTtlSeconds(ttlSeconds);
    },
    addTags: (...tags) => Promise.all(all.map((context) => context.addTags(...tags))).then(() => {}),
    skip: () => {
      for (const context of all) context.skip();
    },
    forKey: (key) => {
      const context = contexts.get(key);
      if (!context)
        throw new ConfigurationError(`forKey: must be one of the keys to load, got ${JSON.stringify(key)}`);
      return context;
    },
  };
}
