import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError, NotSentError } from '../../../client/index.ts';
import { Dependencies } from '../../../client/invalidation/dependencies.ts';
import { Domains } from '../../../client/invalidation/domains.ts';
import { CacheInvalidation, type InvalidationParts } from '../../../client/invalidation/invalidation.ts';

describe('invalidation by event, domain and dependency', () => {
  let done: [string, unknown][];
  let invalidation: CacheInvalidation;
  let parts: InvalidationParts;

  beforeEach(() => {
    done = [];
    parts = {
      deleteKeys: async (keys) => {
        done.push(['keys', keys]);
        return keys.length;
      },
      invalidateTags: async (tags) => {
        done.push(['tags', tags]);
        return 'applied';
      },
      deleteMatching: async (pattern) => {
        done.push(['pattern', pattern]);
        return 10;
      },
      domains: { catalogue: ['product:*', 'category:*'], prices: ['product:*'] },
    };
    invalidation = new CacheInvalidation(parts);
  });

  it('applies all mappings of an event, and each action only once', async () => {
    const off = invalidation.on<{ id: number }>('order-paid', ({ id }) => ({
      keys: [`order:${id}`, 'orders'],
      tags: ['sales'],
    }));
    invalidation.on('order-paid', async () => ({
      keys: ['orders'],
      patterns: ['cart:*'],
      domains: ['prices'],
    }));
    expect(await invalidation.emit('order-paid', { id: 7 })).toEqual({ outcome: 'applied', deleted: 12 });
    expect(done).toEqual([
      ['keys', ['order:7', 'orders']],
      ['tags', ['sales', '~domain:prices']],
      ['pattern', 'cart:*'],
    ]);
    off();
    off();
    expect((await invalidation.emit('order-paid', { id: 7 })).deleted).toBe(11);
    expect(await invalidation.emit('there is no listener')).toEqual({ outcome: 'applied', deleted: 0 });
  });

  it('rejects tags that are not a list of names', async () => {
    for (const tags of ['sales', [''], ['~sales'], [7]] as unknown as string[][])
      await expect(invalidation.invalidate({ tags })).rejects.toThrowError(ConfigurationError);
    expect(done).toEqual([]);
  });

  it('applies no action if a mapping throws, and still applies the other actions if one fails', async () => {
    invalidation.on('broken', () => {
      throw new Error('no such order');
    });
    await expect(invalidation.emit('broken')).rejects.toThrowError('no such order');
    expect(done).toEqual([]);
    const failing = new CacheInvalidation({
      ...parts,
      deleteKeys: () => Promise.reject(new NotSentError('Redis is unreachable')),
      invalidateTags: async () => 'pending',
    });
    await expect(failing.invalidate({ keys: ['a'], patterns: ['b:*'] })).rejects.toThrowError(NotSentError);
    expect(done).toEqual([['pattern', 'b:*']]);
    expect(await failing.tags('a', 'b')).toEqual({ outcome: 'pending', deleted: 0 });
  });

  it('adds the tags for the domains and dependencies of an entry to its own tags', () => {
    invalidation.depend('product:1', ['user:1']);
    expect(invalidation.tagsOf('product:1', ['own'])).toEqual([
      'own',
      '~domain:catalogue',
      '~domain:prices',
      '~key:user:1',
    ]);
    expect(invalidation.tagsOf('elsewhere', ['own'])).toEqual(['own']);
    expect(() => invalidation.tagsOf('product:1', ['~own'])).toThrowError(ConfigurationError);
  });

  it('gives a domain a new version by invalidating one tag, and rejects an unknown domain', async () => {
    expect(await invalidation.domain('catalogue')).toEqual({ outcome: 'applied', deleted: 0 });
    expect(done).toEqual([['tags', ['~domain:catalogue']]]);
    await expect(invalidation.domain('nonsense')).rejects.toThrowError(
      /must be one of \["catalogue".*got "nonsense"/,
    );
    expect(() => new Domains({ empty: [] })).toThrowError(/domains\.empty/);
    expect(new Domains().tagsOf('product:1')).toEqual([]);
  });

  it('deletes by pattern', async () => {
    expect(await invalidation.pattern('user:*')).toEqual({ outcome: 'applied', deleted: 10 });
  });

  it('invalidates the dependents of a changed key, and nothing if the key has no dependents', async () => {
    expect(invalidation.changed(['user:1'])).toBeUndefined();
    invalidation.depend('profile:1', ['user:1']);
    expect(invalidation.changed(['profile:1', 'other'])).toBeUndefined();
    await invalidation.changed(['user:1', 'other']);
    expect(done).toEqual([['tags', ['~key:user:1']]]);
  });
});

describe('dependencies', () => {
  it('are transitive: an indirect dependent also becomes a miss', () => {
    const graph = new Dependencies();
    graph.declare('c', ['b']);
    graph.declare('b', ['a', 'z']);
    expect([...graph.tagsOf('c')].sort()).toEqual(['~key:a', '~key:b', '~key:z']);
    expect(graph.changed(['a', 'c'])).toEqual(['~key:a']);
    graph.declare('b', ['a']);
    expect(graph.changed(['z'])).toEqual([]);
    graph.withdraw('c');
    expect([graph.tagsOf('c'), graph.changed(['b'])]).toEqual([[], []]);
  });

  it('reject a cycle, and are unchanged after a rejected declaration', () => {
    const graph = new Dependencies();
    graph.declare('b', ['a']);
    graph.declare('c', ['b']);
    expect(() => graph.declare('a', ['c'])).toThrowError('a ─▶ c ─▶ b ─▶ a is a cycle');
    expect(() => graph.declare('b', ['b'])).toThrowError(ConfigurationError);
    expect(graph.tagsOf('a')).toEqual([]);
    expect(graph.tagsOf('b')).toEqual(['~key:a']);
  });

  it('are limited in number, per key and in total', () => {
    const graph = new Dependencies(2);
    expect(() =>
      graph.declare(
        'k',
        Array.from({ length: 64 }, (_, i) => `a${i}`),
      ),
    ).toThrowError(/64 keys or more/);
    graph.declare('b', ['a']);
    graph.declare('c', ['a']);
    graph.declare('c', ['b']);
    expect(() => graph.declare('d', ['a'])).toThrowError(/2 keys already have dependencies/);
  });
});
