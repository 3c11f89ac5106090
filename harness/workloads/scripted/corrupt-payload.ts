/**
 * Payloads that the client must reject, written without the client: flipped or truncated bytes, foreign bytes, another
 * format, and an older schema. Each is read with `get` and with `getOrCompute`, and then by every other read path.
 */

import { encodeEnvelope } from '../../../client/envelope.ts';
import type { Cache } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import { metricValue } from '../metric-value.ts';
import type { Resolved } from '../parameters.ts';
import { GOOD_USER as GOOD, POISONS, SCHEMA_ID, type User, userSchema } from '../poisons.ts';
import { defineScript, equals, errorOf, type ScriptContext } from './script.ts';

const defaults = { purgeBoundMs: 2_000 };

type Context = ScriptContext<Resolved<typeof defaults>>;

const reading = { schema: userSchema, schemaId: SCHEMA_ID };

/** Read paths other than `get` and `getOrCompute`: they return the values found. */
const OTHER_PATHS: Readonly<
  Record<string, (cache: Cache, keys: readonly string[]) => Promise<readonly unknown[]>>
> = {
  'get-entry': (cache, keys) => Promise.all(keys.map((key) => cache.getEntry(key, reading))),
  'get-with-ttl': (cache, keys) => Promise.all(keys.map((key) => cache.getWithTtl(key, reading))),
  lookup: async (cache, keys) => {
    const found = await Promise.all(keys.map((key) => cache.lookup(key, reading)));
    return found.filter((each) => each.found);
  },
  'get-many': async (cache, keys) => [...(await cache.getMany(keys, reading)).values()],
  'lookup-many': async (cache, keys) =>
    [...(await cache.lookupMany(keys, reading)).values()].filter((each) => each.found),
};

export const corruptPayload = defineScript({
  name: 'corrupt-payload',
  defaults,
  async run(context) {
    const { open, expect, remember, masterOf, tag, parameters, signal } = context;
    const cache = open();
    const reported: string[] = [];
    cache.on((event) => {
      if (event.type === 'purged') reported.push(event.key);
    });
    await cache.ping();
    const good = encodeEnvelope(GOOD, { schemaId: SCHEMA_ID });

    for (const [poison, spoil] of Object.entries(POISONS)) {
      const key = `corrupt:${tag}:${poison}`;
      const physical = cache.physicalKey(key);
      remember(physical);
      const redis = await masterOf(physical);
      const plantPayload = () => redis.set(physical, spoil(good), 'EX', 60);

      await plantPayload();
      let seen: User | undefined;
      const thrown = await errorOf(async () => {
        seen = await cache.get(key, reading);
      });
      expect(`${poison}-not-thrown`, `${poison}: the read does not throw`, equals(null, thrown));
      expect(
        `${poison}-not-returned`,
        `${poison}: no wrong value is returned`,
        equals(null, (seen ?? null) as null),
      );
      const purged = await waitUntil(
        `${poison} to be purged`,
        async () => (await redis.exists(physical)) === 0,
        {
          boundMs: parameters.purgeBoundMs,
          signal,
        },
      ).catch(() => false);
      expect(`${poison}-purged`, `${poison}: the payload is purged from Redis`, equals(true, purged));

      await plantPayload();
      const computed = await cache.getOrCompute(key, () => GOOD, reading);
      expect(
        `${poison}-recomputed`,
        `${poison}: getOrCompute computes the value`,
        equals({ ...GOOD }, { ...computed }),
      );
    }
    const planted = Object.keys(POISONS).flatMap((poison) => {
      const physical = cache.physicalKey(`corrupt:${tag}:${poison}`);
      return [physical, physical];
    });
    const purged = [cache.stats().purged, metricValue(cache.metrics(), 'cache_redis_purged_total')];
    expect('counted', 'purges: in the statistics, and in the metrics', {
      ...equals([planted.length, planted.length], purged),
    });
    expect('reported', 'keys in the events of the purges', equals(planted, reported));
    await expectRejected(context, cache);
  },
});

/** Reads every kind of invalid payload by each of the other read paths. */
async function expectRejected(context: Context, cache: Cache): Promise<void> {
  const { expect, remember, masterOf, tag, parameters, awaitCondition } = context;
  const good = encodeEnvelope(GOOD, { schemaId: SCHEMA_ID });
  for (const [path, read] of Object.entries(OTHER_PATHS)) {
    const keys = Object.keys(POISONS).map((poison) => `corrupt:${tag}:${path}:${poison}`);
    const physical = keys.map((key) => cache.physicalKey(key));
    remember(...physical);
    for (const [n, spoil] of Object.values(POISONS).entries()) {
      const key = physical[n] ?? '';
      await (await masterOf(key)).set(key, spoil(good), 'EX', 60);
    }
    let found: readonly unknown[] = [];
    const thrown = await errorOf(async () => {
      found = await read(cache, keys);
    });
    expect(`${path}-rejected`, `${path}: errors, and values that are returned`, {
      ...equals([null, 0], [thrown, found.filter((value) => value !== undefined).length]),
    });
    const isPurged = async () => {
      const left = await Promise.all(physical.map(async (key) => (await masterOf(key)).exists(key)));
      return left.every((count) => count === 0);
    };
    expect(`${path}-purged`, `${path}: the payloads are purged from Redis`, {
      ...equals(
        true,
        await awaitCondition(`payloads of ${path} to be purged`, isPurged, parameters.purgeBoundMs),
      ),
    });
  }
}
