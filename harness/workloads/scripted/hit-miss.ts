/** Set, read, overwrite, delete, batches, clear: a read returns the last written value, or a miss. */
import { defineScript, equals, type ScriptContext } from './script.ts';

export const hitMiss = defineScript({
  name: 'hit-miss',
  defaults: { batch: 20 },
  async run(context) {
    const { open, expect, remember, tag, parameters } = context;
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
    expect(
      'set-by-redis',
      'Redis accepted the write, not the memory fallback',
      equals('redis', receipt.source),
    );
    expect('hit-after', 'the value reads back as it was set', equals(document, await cache.get(key)));
    expect('hit-by-redis', 'Redis answered the read', equals('redis', (await cache.getEntry(key))?.source));
    await cache.set(key, 'second');
    expect('overwritten', 'the last write wins', equals('second', await cache.get(key)));
    expect('not-replaced', 'setIfAbsent leaves an existing value unchanged', {
      ...equals([false, 'second'], [await cache.setIfAbsent(key, 'third'), (await cache.get(key)) ?? null]),
    });
    expect('deleted', 'delete removes a single key', equals(1, await cache.delete(key)));
    expect('miss-after', 'a deleted key is a miss', equals(null, (await cache.get(key)) ?? null));

    const count = parameters.batch;
    const entries = new Map(Array.from({ length: count }, (_, n) => [`${key}:${n}`, n]));
    remember(...[...entries.keys()].map((name) => cache.physicalKey(name)));
    await cache.setMany(entries);
    const read = await cache.getMany<number>([...entries.keys(), `${key}:absent`]);
    expect('batch', 'getMany returns what setMany wrote, and no more', equals([...entries], [...read]));

    // Reads above: 2 misses and 4 hits, then the batch with one absent key.
    const { hits, misses } = cache.stats();
    expect('hits-counted', 'every hit is counted', equals(4 + count, hits));
    expect('misses-counted', 'every miss is counted', equals(2 + 1, misses));
    if (!context.shared) await expectClear(context, count);
  },
});

/** Uses its own namespace: `clear` must not affect other clients of the environment. */
async function expectClear(context: ScriptContext, count: number): Promise<void> {
  const { open, expect, remember, tag, spec, masterOf } = context;
  const namespace = `${spec.settings.namespace}:clear-${tag}`;
  const cleared = open({ namespace });
  // The namespace of this cache begins with the cleared namespace, but is different.
  const stranger = open({ namespace: `${namespace}-not` });
  const names = Array.from({ length: count }, (_, n) => `${n}`);
  remember(stranger.physicalKey('kept'), ...names.map((name) => cleared.physicalKey(name)));
  await cleared.setMany(new Map(names.map((name) => [name, name])));
  await stranger.set('kept', 'kept');

  expect('clear-counts', 'clear returns the number of removed keys', equals(count, await cleared.clear()));
  let left = 0;
  for (const key of names.map((name) => cleared.physicalKey(name)))
    left += await (await masterOf(key)).exists(key);
  expect('clear-removes', 'Redis has no key of the cleared namespace', equals(0, left));
  expect(
    'clear-spares',
    'a key outside of the namespace is unchanged',
    equals('kept', await stranger.get('kept')),
  );
}
