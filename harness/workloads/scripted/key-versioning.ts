/** Checks how keys are stored in Redis: under the namespace, and with their version if the key builder created them. */
import type { ClientModule } from '../client-module.ts';
import { defineScript, equals } from './script.ts';

/** Inputs that must not share a key: each differs from another in one type, value, order or level. */
const DISTINCT: readonly unknown[] = [
  ...[0, 1, '0', '', 'a', 'A', false, true, null, 0n, new Date(0), new Uint8Array([0])],
  ...[[], [0], ['0'], [0, 1], [1, 0], [[0], 1], [[0, 1]]],
  ...[{}, { a: 0 }, { a: '0' }, { b: 0 }, { a: 0, b: 1 }, { a: 1, b: 0 }, { a: { b: 0 } }, { a: { b: 1 } }],
];

export const keyVersioning = defineScript({
  name: 'key-versioning',
  defaults: {},
  async run({ client, open, expect, remember, masterOf, masters, tag, spec, shared }) {
    const { buildKey } = client;
    const cache = open();
    const { namespace } = spec.settings;
    const first = buildKey('natal', { run: tag, latitude: 52.5 });
    const second = buildKey('natal', { run: tag, latitude: 52.5 }, 2);
    remember(cache.physicalKey(first), cache.physicalKey(second));
    await cache.ping();
    await cache.set(first, 'first');

    const physical = cache.physicalKey(first);
    const shape = new RegExp(`^${namespace}:v1:natal:[0-9a-f]{16}$`);
    expect(
      'shape',
      'the key consists of namespace, v1, domain and a hash of 16 hexadecimal digits',
      equals(true, shape.test(physical)),
    );
    expect(
      'at-physical-key',
      'the value is stored under its physical key',
      equals(1, await (await masterOf(physical)).exists(physical)),
    );
    expect('same-input', 'the same input in another order gives the same key', {
      ...equals(first, buildKey('natal', { latitude: 52.5, run: tag })),
    });
    expect(
      'other-version',
      'another version gives another key',
      equals(null, (await cache.get(second)) ?? null),
    );

    const keys = keysOf(client);
    expect('distinct', 'different domains, inputs, versions and searches give different keys', {
      ...equals(keys.length, new Set(keys).size),
    });

    if (shared) return;
    expect(
      'not-unprefixed',
      'the value is not stored under a key without the namespace',
      equals(0, await (await masterOf(first)).exists(first)),
    );
    let strangers = 0;
    for (const redis of await masters()) {
      for await (const keys of redis.scanStream({ count: 1_000 })) {
        strangers += (keys as readonly string[]).filter((key) => !key.startsWith(`${namespace}:`)).length;
      }
    }
    expect('no-strangers', 'no key in Redis is outside of the namespace', equals(0, strangers));
  },
});

/** Returns the keys that each key builder gives for different inputs. */
function keysOf({
  buildKey,
  buildBatchKey,
  buildResponseKey,
  buildVectorKey,
}: ClientModule): readonly string[] {
  const search = { namespace: 'texts', vector: [0.1, 0.2], topK: 5, params: { lang: 'en' } };
  return [
    ...DISTINCT.map((input) => buildKey('natal', input)),
    ...DISTINCT.map((input) => buildKey('transit', input)),
    ...['one', 'two'].map((schemaId) => buildKey('natal', 0, { schemaId })),
    ...DISTINCT.map((input) => buildBatchKey([input])),
    ...[buildBatchKey([0, 1]), buildBatchKey([1, 0]), buildBatchKey([0, 1], 2)],
    ...DISTINCT.map((input) => buildResponseKey('chat', input)),
    buildResponseKey('search', 0),
    ...[search, { ...search, namespace: 'images' }, { ...search, topK: 6 }].map((one) => buildVectorKey(one)),
    ...[[0.1, 0.3], [0.2, 0.1], [0.1]].map((vector) => buildVectorKey({ ...search, vector })),
    ...[{ lang: 'de' }, undefined].map((params) => buildVectorKey({ ...search, params })),
    ...[{ version: 2 }, { decimals: 3 }, { schemaId: 'one' }].map((options) =>
      buildVectorKey(search, options),
    ),
  ];
}
