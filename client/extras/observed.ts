/**
 * Wraps a cache in order to report its operations and loads. Every method is an operation unless `NOT_OPERATIONS`
 * contains its name, so new methods of the cache are reported without a change here. Methods that differ only in the
 * form of their result share a name (`getEntry` and `lookup` are `get`).
 */

import type { Invalidation, Names } from '../api/invalidation.ts';
import type { Cache, ComputeCallOptions, Entry, Load, LoadContext, LoadManyContext } from '../api/types.ts';
import { namesIn } from '../cache/batches.ts';
import { now } from '../transport/timing.ts';

export interface Observation {
  /**
   * Name of the method, or of the simplest method if several have the same result; `invalidation.pattern` for
   * `cache.invalidation`.
   */
  readonly operation: string;
  readonly keys: readonly string[];
  readonly startedAt: number;
  readonly ms: number;
  /** Keys that a read found, with their source, and keys that it did not find. */
  readonly hits: readonly string[];
  readonly misses: readonly string[];
  readonly source?: string;
  readonly error?: unknown;
}

export interface Observer {
  /** Wraps the call; must return the result of `run`. Default: calls `run`. */
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

/** Members with a synchronous result. */
const NOT_OPERATIONS: ReadonlySet<PropertyKey> = new Set<keyof Cache>([
  'stats',
  'metrics',
  'metricFamilies',
  'physicalKey',
  'on',
]);

/** Members of `cache.invalidation` that are not observed: declarations, and methods that the cache itself calls. */
const NOT_INVALIDATIONS: ReadonlySet<PropertyKey> = new Set<keyof Invalidation>([
  'depend',
  'on',
  'tagsOf',
  'changed',
]);

/** Functions that extract the keys from the arguments, for operations that `methodsOf` does not list. */
const KEYS: Readonly<Partial<Record<keyof Cache, (args: readonly unknown[]) => readonly string[]>>> = {
  ttl: ([key]) => [String(key)],
  expire: ([key]) => [String(key)],
  setIfAbsent: ([key]) => [String(key)],
  delete: (keys) => namesIn(keys as Names),
  exists: (keys) => namesIn(keys as Names),
};

type Watch = <R>(
  operation: string,
  keys: readonly string[],
  call: () => Promise<R>,
  found?: (result: R) => Found,
) => Promise<R>;

const innermost = new WeakMap<Cache, Cache>();

/** Returns the cache behind all observers, or the cache itself if it is not observed. */
export function unwrapObserved(cache: Cache): Cache {
  return innermost.get(cache) ?? cache;
}

export function observeCache(cache: Cache, observer: Observer): Cache {
  const watch = watchOf(observer);
  const proxy = observeMethods(
    cache,
    NOT_OPERATIONS,
    {
      ...readsOf(cache, watch),
      ...loadsOf(cache, watch, observer),
      set: (key, value, options) => watch('set', [key], () => cache.set(key, value, options)),
      setMany: (entries, options) =>
        watch('setMany', [...entries.keys()], () => cache.setMany(entries, options)),
      invalidation: observeMethods(cache.invalidation, NOT_INVALIDATIONS, {}, (name, call) =>
        watch(`invalidation.${name}`, [], call),
      ),
    } satisfies Partial<Cache>,
    (name, call, args) => watch(name, KEYS[name as keyof Cache]?.(args) ?? [], call),
  );
  innermost.set(proxy, unwrapObserved(cache));
  return proxy;
}

/**
 * Replaces some members of an object, and reports calls to its other methods.
 *
 * @param members replacements for members of the target
 * @param call reports a call to any other operation
 */
function observeMethods<T extends object>(
  target: T,
  notOperations: ReadonlySet<PropertyKey>,
  members: Partial<T>,
  call: (name: string, run: () => Promise<unknown>, args: readonly unknown[]) => Promise<unknown>,
): T {
  const made = new Map<PropertyKey, unknown>(Object.entries(members));
  const make = (name: PropertyKey, method: Method): Method => {
    // Methods are called on the target, because its private fields are not accessible through the proxy.
    const bound = method.bind(target) as (...args: readonly unknown[]) => unknown;
    if (typeof name !== 'string' || notOperations.has(name)) return bound;
    return (...args: readonly unknown[]) => call(name, async () => bound(...args), args);
  };
  return new Proxy(target, {
    get(_, name) {
      if (made.has(name)) return made.get(name);
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const method = make(name, member as Method);
      made.set(name, method);
      return method;
    },
  });
}

function watchOf(observer: Observer): Watch {
  return async (operation, keys, call, found = () => NOTHING) => {
    const startedAt = now();
    const run = async () => {
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
}

const one = (key: string, hit: boolean, source?: string): Found => ({
  hits: hit ? [key] : [],
  misses: hit ? [] : [key],
  ...(source !== undefined && { source }),
});
const many = (keys: readonly string[], has: (key: string) => boolean): Found => ({
  hits: keys.filter(has),
  misses: keys.filter((key) => !has(key)),
});

/**
 * Returns the read methods. Their results have the type `never`, because the result type of a generic method is known
 * only when it is called.
 */
function readsOf(cache: Cache, watch: Watch): Partial<Cache> {
  return {
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
    getWithTtl: (key, options) =>
      watch(
        'getWithTtl',
        [key],
        () => cache.getWithTtl(key, options),
        (entry) => one(key, entry !== undefined, entry?.source),
      ) as never,
    lookup: (key, options) =>
      watch(
        'get',
        [key],
        () => cache.lookup(key, options),
        ({ found, source }) => one(key, found, source),
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
  };
}

function loadsOf(cache: Cache, watch: Watch, observer: Observer): Partial<Cache> {
  const timed =
    <A extends readonly unknown[], R>(keysOf: (...args: A) => readonly string[], load: (...args: A) => R) =>
    async (...args: A): Promise<Awaited<R>> => {
      const startedAt = now();
      try {
        return await load(...args);
      } finally {
        const keys = keysOf(...args);
        for (const key of keys) observer.loaded?.(key, (now() - startedAt) / keys.length);
      }
    };
  const entry = <T>(key: string, load: Load<T>, options?: ComputeCallOptions<T>): Promise<Entry<T>> =>
    watch(
      'getOrCompute',
      [key],
      () =>
        cache.getOrComputeEntry<T>(
          key,
          timed((_: LoadContext) => [key], load),
          options,
        ),
      ({ source }) => one(key, source !== 'loader', source),
    );
  return {
    getOrComputeEntry: entry,
    getOrCompute: async (key, load, options) => (await entry(key, load, options)).value,
    getOrComputeMany: (keys, load, options) => {
      const loaded = new Set<string>();
      const noted = timed((asked: readonly string[], _: LoadManyContext) => asked, load);
      return watch(
        'getOrComputeMany',
        keys,
        () =>
          cache.getOrComputeMany(
            keys,
            (asked, context) => {
              for (const key of asked) loaded.add(key);
              return noted(asked, context);
            },
            options,
          ),
        () => many(keys, (key) => !loaded.has(key)),
      );
    },
  };
}
