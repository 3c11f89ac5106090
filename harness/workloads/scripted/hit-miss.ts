/** Set, read, overwrite, delete, batches: what comes back is what was written last, or a miss. */
import { equals, scripted } from '../scripted.ts';

export const hitMiss = scripted({
  name: 'hit-miss',
  defaults: { batch: 20 },
  async run({ open, expect, remember, tag, parameters }) {
    const cache = open();
    const key = `hit-miss:${tag}`;
    const document = {
      id: 7,
      name: 'Ünïcode',
      tags: ['a', 'b'],
      nested: { none: null, yes: true, pi: 3.14 },
    };
    remember(cache.physicalKey(key));
    await cache.ping();

    expect('miss-before', 'a key that was never set is a miss', equals(null, (await cache.get(key)) ?? null));
    const receipt = await cache.set(key, document);
    expect('set-by-redis', 'Redis took the write, not the memory fallback', equals('redis', receipt.source));
    expect('hit-after', 'the value reads back as it was set', equals(document, await cache.get(key)));
    expect('hit-by-redis', 'Redis answered the read', equals('redis', (await cache.getEntry(key))?.source));
    await cache.set(key, 'second');
    expect('overwritten', 'the last write wins', equals('second', await cache.get(key)));
    expect('deleted', 'delete removes one key', equals(1, await cache.delete(key)));
    expect('miss-after', 'a deleted key is a miss', equals(null, (await cache.get(key)) ?? null));

    const count = parameters.batch;
    const entries = new Map(Array.from({ length: count }, (_, n) => [`${key}:${n}`, n]));
    remember(...[...entries.keys()].map((name) => cache.physicalKey(name)));
    await cache.setMany(entries);
    const read = await cache.getMany<number>([...entries.keys(), `${key}:absent`]);
    expect('batch', 'getMany returns what setMany wrote, and no more', equals([...entries], [...read]));

    // Reads above: 2 misses and 3 hits, then the batch with one absent key.
    const { hits, misses } = cache.stats();
    expect('hits-counted', 'every hit is counted', equals(3 + count, hits));
    expect('misses-counted', 'every miss is counted', equals(2 + 1, misses));
  },
});
