/**
 * Read-through and write-through: the application uses one store, which keeps the cache and the source consistent.
 *
 *   get ─▶ cache ─miss─▶ source.load ─▶ cache
 *   set ─▶ sink.store ─ok─▶ cache          an error of the sink is thrown to the caller, and the cache keeps its value
 *
 * Within one process, writes to one key are executed one after another, in the order of the calls. Writers in several
 * processes can leave the older of two values in the cache until its TTL expires; use `afterStore: 'delete'` in this
 * case.
 *
 * @module read-through
 */

import type { Cache, ComputeCallOptions, WriteReceipt } from '../../api/types.ts';
import { assertCache, assertMethods } from '../../options/arguments.ts';
import { assertCallOptions, CALL_OPTIONS } from '../../options/cache-option-names.ts';
import { allNames, assertOptions } from '../../options/option-names.ts';
import type { Change, Sink, Source } from './source.ts';

export type { Change, Sink, Source } from './source.ts';

/** Options for entries, and the effect of a write on them. */
export interface ThroughOptions<T> extends ComputeCallOptions<T> {
  /** Action on the entry after the sink has stored the new value; default `set`. */
  readonly afterStore?: 'set' | 'delete';
}

const THROUGH = allNames(CALL_OPTIONS, new Set(['afterStore']));

/** Store that accesses a source through a cache. */
export interface ThroughStore<T> {
  /** Returns the cached value, or reads it from the source and caches it. */
  get(key: string): Promise<T | undefined>;
  /**
   * Writes to the source, then to the cache. If the source throws, the error is thrown and the cache keeps its value.
   */
  set(key: string, value: T): Promise<WriteReceipt>;
  /** Deletes from the source, then from the cache. */
  delete(key: string): Promise<void>;
}

/** Opens a store that reads a source through a cache. */
export function readThrough<T>(
  cache: Cache,
  source: Source<T>,
  options: ComputeCallOptions<T> = {},
): Pick<ThroughStore<T>, 'get'> {
  assertCache(cache);
  assertMethods('source', source, ['load'], 'a source with a method load');
  assertCallOptions(options);
  return {
    get: (key) =>
      cache.getOrCompute<T | undefined>(key, (context) => source.load(key, context), options as object),
  };
}

/** Opens a store that reads and writes a source through a cache. */
export function writeThrough<T>(
  cache: Cache,
  source: Source<T> & Sink<T>,
  options: ThroughOptions<T> = {},
): ThroughStore<T> {
  assertCache(cache);
  assertMethods('source', source, ['load', 'store'], 'a source with the methods load and store');
  assertOptions('', options, THROUGH);
  const { afterStore = 'set', ...access } = options;
  const order = new KeyOrder();
  let sequence = 0;
  const remove = async (change: Change<T>): Promise<void> => {
    await source.store([change]);
    await cache.delete(change.key);
  };
  return {
    ...readThrough(cache, source, access),
    set: (key, value) =>
      order.run(key, async () => {
        const change: Change<T> = { kind: 'set', key, value, sequence: ++sequence };
        if (afterStore === 'delete') {
          await remove(change);
          return { source: 'none' };
        }
        await source.store([change]);
        try {
          return await cache.set(key, value, access);
        } catch (error) {
          // The source is newer than the cache, so the old value is removed.
          await cache.delete(key).catch(() => {});
          throw error;
        }
      }),
    delete: (key) => order.run(key, () => remove({ kind: 'remove', key, sequence: ++sequence })),
  };
}

/** Runs one operation per key at a time, in the order of the calls. */
class KeyOrder {
  readonly #last = new Map<string, Promise<unknown>>();

  run<R>(key: string, work: () => Promise<R>): Promise<R> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled: Promise<unknown> = mine
      .catch(() => {})
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return mine;
  }
}
