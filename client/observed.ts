/**
 * A cache that is watched: the same cache, whose reads, writes and loads are reported. What is not named here goes to the
 * cache as it is, so that a new method of it needs nothing from this file.
 */
import { now } from './connection/timing.ts';
import type { Cache, Entry, Load, LoadContext } from './types.ts';

export interface Observation {
  /** The method's name. */
  readonly operation: string;
  readonly keys: readonly string[];
  readonly startedAt: number;
  readonly ms: number;
  /** Of a read: keys that the cache had, where from, and keys that it had not. */
  readonly hits: readonly string[];
  readonly misses: readonly string[];
  readonly source?: string;
  readonly error?: unknown;
}

export interface Observer {
  /** Wraps the call; has to return the result that `run` gives. Default: calls it. */
  readonly around?: <R>(
    operation: string,
    keys: readonly string[],
    run: () => Promise<Outcome<R>>,
  ) => Promise<R>;
  readonly observe: (observation: Observation) => void;
  readonly loaded?: (key: string, ms: number) => void;
}

interface Outcome<R> {
  readonly result: R;
  readonly observation: Observation;
}

type Method = (...args: never[]) => unknown;
type Found = Pick<Observation, 'hits' | 'misses' | 'source'>;

const NOTHING: Found = { hits: [], misses: [] };

export function observed(cache: Cache, observer: Observer): Cache {
  const watch = async <R>(
    operation: string,
    keys: readonly string[],
    call: () => Promise<R>,
    found: (result: R) => Found = () => NOTHING,
  ): Promise<R> => {
    const startedAt = now();
    const run = async (): Promise<Outcome<R>> => {
      try {
        const result = await call();
        const observation = { operation, keys, startedAt, ms: now() - startedAt, ...found(result) };
        observer.observe(observation);
        return { result, observation };
      } catch (error) {
        observer.observe({ operation, keys, startedAt, ms: now() - startedAt, ...NOTHING, error });
        throw error;
      }
    };
    return observer.around ? observer.around(operation, keys, run) : (await run()).result;
  };
  const one = (key: string, hit: boolean, source?: string): Found => ({
    hits: hit ? [key] : [],
    misses: hit ? [] : [key],
    ...(source !== undefined && { source }),
  });
  const timed =
    <T>(key: string, load: Load<T>): Load<T> =>
    async (context: LoadContext) => {
      const startedAt = now();
      try {
        return await load(context);
      } finally {
        observer.loaded?.(key, now() - startedAt);
      }
    };
  const computeEntry = <T>(key: string, load: Load<T>, options?: Parameters<Cache['getOrComputeEntry']>[2]) =>
    watch(
      'getOrCompute',
      [key],
      () => cache.getOrComputeEntry<T>(key, timed(key, load), options as object),
      ({ source }: Entry<T>) => one(key, source !== 'loader', source),
    );
  const many = (keys: readonly string[], has: (key: string) => boolean): Found => ({
    hits: keys.filter(has),
    misses: keys.filter((key) => !has(key)),
  });
  const methods: Partial<Cache> = {
    get: (key, options) =>
      watch(
        'get',
        [key],
        () => cache.get(key, options),
        (value) => one(key, value !== undefined),
      ) as never,
    getEntry: (key, options) =>
      watch(
        'get',
        [key],
        () => cache.getEntry(key, options),
        (entry) => one(key, entry !== undefined, entry?.source),
      ) as never,
    lookup: (key, options) =>
      watch(
        'get',
        [key],
        () => cache.lookup(key, options),
        (lookup) => one(key, lookup.found, lookup.source),
      ) as never,
    getMany: (keys, options) =>
      watch(
        'getMany',
        keys,
        () => cache.getMany(keys, options),
        (found) => many(keys, (key) => found.has(key)),
      ) as never,
    lookupMany: (keys, options) =>
      watch(
        'getMany',
        keys,
        () => cache.lookupMany(keys, options),
        (found) => many(keys, (key) => found.get(key)?.found === true),
      ) as never,
    getOrCompute: async (key, load, options) => (await computeEntry(key, load, options as object)).value,
    getOrComputeEntry: (key, load, options) => computeEntry(key, load, options as object),
    set: (key, value, options) => watch('set', [key], () => cache.set(key, value, options)),
    setMany: (entries, options) =>
      watch('setMany', [...entries.keys()], () => cache.setMany(entries, options)),
    delete: (...keys) => watch('delete', keys, () => cache.delete(...keys)),
    clear: () => watch('clear', [], () => cache.clear()),
  };
  return new Proxy(cache, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof Cache];
      const member: unknown = Reflect.get(target, name, target);
      // Private fields are the target's: its methods have to be called on it.
      return typeof member === 'function' ? (member as Method).bind(target) : member;
    },
  });
}
