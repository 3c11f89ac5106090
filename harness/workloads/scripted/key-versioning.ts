/** Checks how keys are stored in Redis: under the namespace, and with their version if the key builder created them. */
import { defineScript, equals } from './script.ts';

export const keyVersioning = defineScript({
  name: 'key-versioning',
  defaults: {},
  async run({ client: { buildKey }, open, expect, remember, masterOf, masters, tag, spec, shared }) {
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
