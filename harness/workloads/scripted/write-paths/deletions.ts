/**
 * Checks the delete paths: the masters no longer have the keys, and another cache finds nothing. A deletion must not
 * reach other entries: one with a different name or tag, and one with the same name in another namespace.
 */
import type { Cache } from '../../../../client/index.ts';
import { prefixOf, rawKeys } from '../../raw-keys.ts';
import { equals, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

interface Deleting {
  readonly cache: Cache;
  readonly namespace: string;
  readonly batch: number;
  readonly storedBoundMs: number;
}

interface Deletion {
  readonly what: string;
  /** Prefix of the keys. */
  readonly family: string;
  /** Set if the entries are misses afterwards but may still be in Redis. */
  readonly isVersioned?: boolean;
  /** Writes the entries; `setMany` by default. */
  write?(cache: Cache, names: readonly string[]): Promise<unknown>;
  delete(cache: Cache, names: readonly string[]): Promise<unknown>;
}

/** Deletions by tag, one for each call that can store tags. */
const BY_TAG: Readonly<Record<string, Deletion>> = {
  tags: {
    what: 'an invalidation by tag',
    family: 'user:tagged',
    isVersioned: true,
    write: (cache, names) => cache.setMany(entriesOf(names), { tags: ['batch'] }),
    delete: (cache) => cache.invalidateTags('batch'),
  },
  'tags-set': {
    what: 'an invalidation by a tag of set',
    family: 'user:tagged-set',
    isVersioned: true,
    write: (cache, names) =>
      Promise.all(names.map((name) => cache.set(name, name, { tags: ['other', 'single'] }))),
    delete: (cache) => cache.invalidateTags('single'),
  },
  'tags-compute': {
    what: 'an invalidation by a tag of getOrCompute',
    family: 'user:tagged-compute',
    isVersioned: true,
    write: (cache, names) =>
      Promise.all(names.map((name) => cache.getOrCompute(name, () => name, { tags: ['loaded'] }))),
    delete: (cache) => cache.invalidateTags('loaded'),
  },
  'tags-compute-many': {
    what: 'an invalidation by a tag of getOrComputeMany',
    family: 'user:tagged-many',
    isVersioned: true,
    write: (cache, names) => cache.getOrComputeMany(names, entriesOf, { tags: ['loaded-batch'] }),
    delete: (cache) => cache.invalidateTags('loaded-batch'),
  },
  'tags-added': {
    what: 'an invalidation by a tag that the loader added',
    family: 'user:tagged-added',
    isVersioned: true,
    write: (cache, names) =>
      Promise.all(
        names.map((name) =>
          cache.getOrCompute(name, async ({ addTags }) => {
            await addTags('added');
            return name;
          }),
        ),
      ),
    delete: (cache) => cache.invalidateTags('added'),
  },
  'tags-several': {
    what: 'an invalidation by several tags',
    family: 'user:tagged-several',
    isVersioned: true,
    write: async (cache, names) => {
      const half = Math.ceil(names.length / 2);
      await cache.setMany(entriesOf(names.slice(0, half)), { tags: ['first'] });
      await cache.setMany(entriesOf(names.slice(half)), { tags: ['second'] });
    },
    delete: (cache) => cache.invalidateTags('first', 'second'),
  },
};

const DELETIONS: Readonly<Record<string, Deletion>> = {
  one: {
    what: 'delete with one key',
    family: 'user:one',
    delete: (cache, names) => Promise.all(names.map((name) => cache.delete(name))),
  },
  several: {
    what: 'delete with several keys',
    family: 'user:several',
    delete: (cache, names) => cache.delete(...names),
  },
  list: { what: 'delete with a list', family: 'session:list', delete: (cache, names) => cache.delete(names) },
  expiry: {
    what: 'expire with 0',
    family: 'user:expiry',
    delete: (cache, names) => Promise.all(names.map((name) => cache.expire(name, 0))),
  },
  pattern: {
    what: 'an invalidation by pattern',
    family: 'page:pattern',
    delete: (cache) => cache.invalidation.pattern('page:pattern:*'),
  },
  keys: {
    what: 'an invalidation by event',
    family: 'user:event',
    delete: async (cache, names) => {
      const off = cache.invalidation.on('changed', () => ({ keys: names }));
      await cache.invalidation.emit('changed').finally(off);
    },
  },
  domain: {
    what: 'an invalidation by domain',
    family: 'price:domain',
    isVersioned: true,
    delete: (cache) => cache.invalidation.domain('prices'),
  },
  dependency: {
    what: 'a change of a key that the others depend on',
    family: 'user:dependent',
    isVersioned: true,
    write: (cache, names) => {
      for (const name of names) cache.invalidation.depend(name, ['origin']);
      return cache.setMany(entriesOf(names));
    },
    delete: (cache) => cache.set('origin', 'changed'),
  },
  ...BY_TAG,
};

/** Deletes keys with each path, and at the end the remaining keys with `clear`. */
export async function expectDeletions(context: ScriptContext, deleting: Deleting): Promise<void> {
  const { open, remember } = context;
  const { cache, namespace } = deleting;
  const domains = { prices: ['price:*'] };
  // The other cache has not observed the deletions.
  const other = open({ ...RELAXED_LIMITS, namespace, domains });
  const stranger = open({ ...RELAXED_LIMITS, namespace: `${namespace}-not`, domains });
  try {
    for (const [id, deletion] of Object.entries(DELETIONS))
      await expectDeletion(context, { id, deletion }, { ...deleting, other, stranger });
  } finally {
    remember(...(await rawKeys(context, prefixOf(stranger))).keys());
  }
  await expectCleared(context, cache);
}

async function expectDeletion(
  context: ScriptContext,
  { id, deletion }: { readonly id: string; readonly deletion: Deletion },
  { cache, other, stranger, batch, storedBoundMs }: Deleting & Readonly<Record<'other' | 'stranger', Cache>>,
): Promise<void> {
  const { what, family, isVersioned = false, write = writeBatch } = deletion;
  const names = Array.from({ length: batch }, (_, n) => `${family}:${n}`);
  const spared = `spared:${family}`;
  await write(cache, names);
  await cache.set(spared, 'spared', { tags: ['spared'] });
  await write(stranger, names.slice(0, 1));
  let before = 0;
  // Loaded values are stored in the background.
  const isStored = async () => {
    before = (await other.getMany(names)).size;
    return before === batch && (await stranger.exists(names)) === 1;
  };
  await context.awaitCondition(`entries to delete with ${id}`, isStored, storedBoundMs);
  await deletion.delete(cache, names);
  const physical = names.map((name) => cache.physicalKey(name));
  const held = await rawKeys(context, cache.physicalKey(family));
  const left = isVersioned ? 0 : physical.filter((key) => held.has(key)).length;
  const found = (await other.getMany(names)).size;
  const kept = (await other.exists(spared)) + (await stranger.exists(names));
  context.expect(
    `deletion/${id}`,
    `${what}: entries before, keys in Redis afterwards, entries that another cache finds, other entries that are kept`,
    {
      ...equals([batch, 0, 0, 2], [before, left, found, kept]),
    },
  );
}

async function expectCleared(context: ScriptContext, cache: Cache): Promise<void> {
  const kept = [...(await rawKeys(context, prefixOf(cache))).keys()].length;
  const cleared = await cache.clear();
  const left = [...(await rawKeys(context, prefixOf(cache))).values()];
  // Tag versions outlive a clear, so that old entries do not reappear.
  const entries = left.filter(({ key }) => !key.startsWith(`${prefixOf(cache)}~`));
  context.expect('deletion/clear', 'clear removes entries, and leaves none', {
    ...equals([true, 0], [cleared > 0 && cleared <= kept, entries.length]),
  });
}

function writeBatch(cache: Cache, names: readonly string[]): Promise<unknown> {
  return cache.setMany(entriesOf(names));
}

function entriesOf(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name, name]));
}
