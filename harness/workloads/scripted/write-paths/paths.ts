/**
 * The write paths. Each path writes keys of several families, half of them with the default TTL and half with the TTL
 * of the call.
 */

import { type Change, readThrough, writeThrough } from '../../../../client/extras/through/read-write.ts';
import { writeBehind } from '../../../../client/extras/through/write-behind.ts';
import { wrap } from '../../../../client/extras/wrap.ts';
import type { Cache } from '../../../../client/index.ts';
import { equals, type ScriptContext } from '../script.ts';

/** A key that must exist on the master. */
export interface Written {
  /** Physical key. */
  readonly key: string;
  /** Value; undefined if it is not compared. */
  readonly value: unknown;
  readonly ttlSeconds: number;
  /** Time in seconds, beyond the TTL, for which a stale value is kept. */
  readonly extraSeconds?: number;
  /** Maximum share that a jitter removes from the TTL. */
  readonly jitter?: number;
}

export interface PathContext extends ScriptContext {
  readonly cache: Cache;
  /** Id of the path, which is part of the keys that it writes. */
  readonly id: string;
  readonly batch: number;
  readonly ttlSeconds: number;
}

export interface WritePath {
  /** Text of the call, for messages. */
  readonly what: string;
  write(context: PathContext): Promise<readonly Written[]>;
}

/** Prefixes of keys: families that applications use, and those that the client treats specially. */
const FAMILIES = ['user', 'session', 'api', 'response', 'config', 'page', 'vector', 's', 'w', 'c'] as const;
const STALE_SECONDS = 30;
const JITTER = 0.5;

interface Item {
  readonly name: string;
  readonly value: string;
  /** TTL as passed to the call; undefined for the default. */
  readonly ttlSeconds: number | undefined;
}

const optionsOf = ({ ttlSeconds }: Item) => (ttlSeconds === undefined ? {} : { ttlSeconds });

/** Returns two keys per family: one with the default TTL, one with the TTL of the call. */
function itemsOf({ id, ttlSeconds }: PathContext, count = 2 * FAMILIES.length): readonly Item[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `${FAMILIES[n % FAMILIES.length]}:${id}:${n}`,
    value: `${id} ${n}`,
    ttlSeconds: n < count / 2 ? undefined : ttlSeconds,
  }));
}

function writtenOf(
  { cache, spec }: PathContext,
  { name, value, ttlSeconds }: Item,
  extraSeconds = 0,
): Written {
  const lifetime = ttlSeconds ?? spec.settings.defaultTtlSeconds;
  return { key: cache.physicalKey(name), value, ttlSeconds: lifetime, extraSeconds };
}

/** Makes one call per item, all at the same time. */
async function forEachItem(
  context: PathContext,
  write: (item: Item) => Promise<unknown>,
  extraSeconds = 0,
): Promise<readonly Written[]> {
  const items = itemsOf(context);
  await Promise.all(items.map(write));
  return items.map((item) => writtenOf(context, item, extraSeconds));
}

/** Calls `write` once with all keys that have the default TTL, and once with all others. */
async function writeBatches(
  context: PathContext,
  write: (items: readonly Item[], options: { readonly ttlSeconds?: number }) => Promise<unknown>,
): Promise<readonly Written[]> {
  const items = itemsOf(context, 2 * context.batch);
  for (const half of [items.slice(0, context.batch), items.slice(context.batch)]) {
    const [first] = half;
    if (first !== undefined) await write(half, optionsOf(first));
  }
  return items.map((item) => writtenOf(context, item));
}

/** Returns a source that has the value of each item, and records every write. */
const sourceOf = (items: ReadonlyMap<string, string>, stored: Map<string, string>) => ({
  load: (key: string) => items.get(key),
  store: (changes: readonly Change<string>[]) => {
    for (const change of changes) if (change.kind === 'set') stored.set(change.key, change.value);
  },
});

type Use = (
  source: ReturnType<typeof sourceOf>,
  options: { readonly ttlSeconds?: number },
  items: readonly Item[],
) => Promise<unknown>;

/** Runs one store for each of the two TTLs. A store that writes must also write to its source. */
async function runStores(context: PathContext, use: Use, writesSource: boolean): Promise<readonly Written[]> {
  const items = itemsOf(context);
  const stored = new Map<string, string>();
  const source = sourceOf(new Map(items.map(({ name, value }) => [name, value])), stored);
  for (const ttlSeconds of [undefined, context.ttlSeconds]) {
    const own = items.filter((item) => item.ttlSeconds === ttlSeconds);
    await use(source, ttlSeconds === undefined ? {} : { ttlSeconds }, own);
  }
  if (writesSource) {
    const right = items.filter(({ name, value }) => stored.get(name) === value);
    context.expect(`value/${context.id}-source`, `the source has every value that ${context.id} wrote`, {
      ...equals(items.length, right.length),
    });
  }
  return items.map((item) => writtenOf(context, item));
}

export const PATHS: Readonly<Record<string, WritePath>> = {
  set: {
    what: 'set',
    write: (context) =>
      forEachItem(context, (item) => context.cache.set(item.name, item.value, optionsOf(item))),
  },
  overwrite: {
    what: 'set on an existing key',
    write: (context) =>
      forEachItem(context, async (item) => {
        await context.cache.set(item.name, 'first', { ttlSeconds: 10 * context.ttlSeconds });
        await context.cache.set(item.name, item.value, optionsOf(item));
      }),
  },
  unawaited: {
    what: 'set without waiting for an earlier set of the same key',
    // The earlier set needs the version of its tag first.
    write: (context) =>
      forEachItem(context, (item) =>
        Promise.all([
          context.cache.set(item.name, 'earlier', {
            ttlSeconds: 10 * context.ttlSeconds,
            tags: [`${context.id}-tag`],
          }),
          context.cache.set(item.name, item.value, optionsOf(item)),
        ]),
      ),
  },
  'set-tagged': {
    what: 'set with tags',
    write: (context) =>
      forEachItem(context, (item) =>
        context.cache.set(item.name, item.value, { ...optionsOf(item), tags: [`${context.id}-tag`] }),
      ),
  },
  'set-many': {
    what: 'setMany',
    write: (context) =>
      writeBatches(context, (items, options) =>
        context.cache.setMany(new Map(items.map(({ name, value }) => [name, value])), options),
      ),
  },
  'set-if-absent': {
    what: 'setIfAbsent',
    write: (context) =>
      forEachItem(context, (item) => context.cache.setIfAbsent(item.name, item.value, optionsOf(item))),
  },
  expire: {
    what: 'expire',
    write: async (context) => {
      const written = await forEachItem(context, async (item) => {
        await context.cache.set(item.name, item.value, { ttlSeconds: null });
        await context.cache.expire(item.name, context.ttlSeconds);
      });
      return written.map((one) => ({ ...one, ttlSeconds: context.ttlSeconds }));
    },
  },
  compute: {
    what: 'getOrCompute',
    write: (context) =>
      forEachItem(context, (item) =>
        context.cache.getOrCompute(item.name, () => item.value, optionsOf(item)),
      ),
  },
  'compute-tagged': {
    what: 'getOrCompute with tags',
    write: (context) =>
      forEachItem(context, (item) =>
        context.cache.getOrCompute(item.name, () => item.value, {
          ...optionsOf(item),
          tags: [`${context.id}-tag`],
        }),
      ),
  },
  'compute-stale': {
    what: 'getOrCompute with a stale time',
    write: (context) => {
      const stale = { staleWhileRevalidateSeconds: STALE_SECONDS, graceSeconds: STALE_SECONDS };
      const write = (item: Item) =>
        context.cache.getOrCompute(item.name, () => item.value, { ...optionsOf(item), ...stale });
      return forEachItem(context, write, 2 * STALE_SECONDS);
    },
  },
  'compute-own-ttl': {
    what: 'the TTL of a loader',
    write: async (context) => {
      const written = await forEachItem(context, (item) =>
        context.cache.getOrCompute(item.name, ({ setTtlSeconds }) => {
          setTtlSeconds(context.ttlSeconds);
          return item.value;
        }),
      );
      return written.map((one) => ({ ...one, ttlSeconds: context.ttlSeconds }));
    },
  },
  'compute-nothing': {
    what: 'getOrCompute without a result',
    write: async (context) => {
      const { ttlSeconds } = context;
      const written = await forEachItem(context, (item) =>
        context.cache.getOrCompute(item.name, () => undefined, { negativeTtlSeconds: ttlSeconds }),
      );
      return written.map((one) => ({ ...one, value: undefined, ttlSeconds }));
    },
  },
  'compute-many': {
    what: 'getOrComputeMany',
    write: (context) =>
      writeBatches(context, (items, options) => {
        const values = new Map(items.map(({ name, value }) => [name, value]));
        return context.cache.getOrComputeMany([...values.keys()], () => values, options);
      }),
  },
  wrap: {
    what: 'wrap',
    write: async (context) => {
      const { cache } = context;
      const items = itemsOf(context);
      return Promise.all(
        items.map(async (item) => {
          const wrapped = wrap((_name: string) => item.value, {
            ...{ cache, domain: 'wrapped' },
            ...optionsOf(item),
          });
          await wrapped(item.name);
          return { ...writtenOf(context, item), key: cache.physicalKey(wrapped.keyOf(item.name)) };
        }),
      );
    },
  },
  'compute-jitter': {
    what: 'getOrCompute with a jitter of the TTL',
    write: async (context) => {
      const write = (item: Item) =>
        context.cache.getOrCompute(item.name, () => item.value, { ...optionsOf(item), ttlJitter: JITTER });
      return (await forEachItem(context, write)).map((one) => ({ ...one, jitter: JITTER }));
    },
  },
  'read-through': {
    what: 'readThrough',
    write: (context) => {
      const use: Use = (source, options, items) => {
        const store = readThrough(context.cache, source, options);
        return Promise.all(items.map(({ name }) => store.get(name)));
      };
      return runStores(context, use, false);
    },
  },
  'write-through': {
    what: 'writeThrough',
    write: (context) => {
      const use: Use = (source, options, items) => {
        const store = writeThrough(context.cache, source, options);
        return Promise.all(items.map(({ name, value }) => store.set(name, value)));
      };
      return runStores(context, use, true);
    },
  },
  'write-behind': {
    what: 'writeBehind',
    write: (context) => {
      const use: Use = async (source, options, items) => {
        const store = writeBehind(context.cache, source, options);
        await Promise.all(items.map(({ name, value }) => store.set(name, value)));
        await store.close();
      };
      return runStores(context, use, true);
    },
  },
};
