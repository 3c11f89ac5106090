/** Checks the delete paths: the masters no longer have the keys, and another cache finds nothing. */
import type { Cache } from '../../../../client/index.ts';
import { prefixOf, rawKeys } from '../../raw-keys.ts';
import { equals, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

interface Deleting {
  readonly cache: Cache;
  readonly namespace: string;
  readonly batch: number;
}

interface Deletion {
  readonly what: string;
  /** Prefix of the keys. */
  readonly family: string;
  readonly tags?: readonly string[];
  /** Set if the entries are misses afterwards but may still be in Redis. */
  readonly isVersioned?: boolean;
  delete(cache: Cache, names: readonly string[]): Promise<unknown>;
}

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
  tags: {
    what: 'an invalidation by tag',
    family: 'user:tagged',
    tags: ['deleted'],
    isVersioned: true,
    delete: (cache) => cache.invalidateTags('deleted'),
  },
  domain: {
    what: 'an invalidation by domain',
    family: 'price:domain',
    isVersioned: true,
    delete: (cache) => cache.invalidation.domain('prices'),
  },
};

/** Deletes keys with each path, and at the end the remaining keys with `clear`. */
export async function expectDeletions(context: ScriptContext, deleting: Deleting): Promise<void> {
  const { expect, open } = context;
  const { cache, namespace, batch } = deleting;
  // The other cache has not observed the deletions.
  const other = open({ ...RELAXED_LIMITS, namespace, domains: { prices: ['price:*'] } });
  for (const [id, deletion] of Object.entries(DELETIONS)) {
    const { what, family, tags, isVersioned = false } = deletion;
    const names = Array.from({ length: batch }, (_, n) => `${family}:${n}`);
    await cache.setMany(new Map(names.map((name) => [name, name])), tags === undefined ? {} : { tags });
    const before = (await other.getMany(names)).size;
    await deletion.delete(cache, names);
    const physical = names.map((name) => cache.physicalKey(name));
    const held = await rawKeys(context, cache.physicalKey(family));
    const left = isVersioned ? 0 : physical.filter((key) => held.has(key)).length;
    const found = await other.getMany(names);
    expect(
      `deletion/${id}`,
      `${what}: entries before, keys in Redis afterwards, entries that another cache finds`,
      {
        ...equals([batch, 0, 0], [before, left, found.size]),
      },
    );
  }
  const kept = [...(await rawKeys(context, prefixOf(cache))).keys()].length;
  const cleared = await cache.clear();
  const left = [...(await rawKeys(context, prefixOf(cache))).values()];
  // Tag versions outlive a clear, so that old entries do not reappear.
  const entries = left.filter(({ key }) => !key.startsWith(`${prefixOf(cache)}~`));
  expect('deletion/clear', 'clear removes entries, and leaves none', {
    ...equals([true, 0], [cleared > 0 && cleared <= kept, entries.length]),
  });
}
