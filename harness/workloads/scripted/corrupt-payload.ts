/**
 * Payloads that the client must reject, written without the client: flipped or truncated bytes, foreign bytes, another
 * format, and an older schema. Each is read with `get` and with `getOrCompute`.
 */

import { encodeEnvelope } from '../../../client/envelope.ts';
import { waitUntil } from '../../wait.ts';
import { GOOD_USER as GOOD, POISONS, SCHEMA_ID, type User, userSchema } from '../poisons.ts';
import { defineScript, equals, errorOf } from './script.ts';

export const corruptPayload = defineScript({
  name: 'corrupt-payload',
  defaults: { purgeBoundMs: 2_000 },
  async run({ open, expect, remember, masterOf, tag, parameters, signal }) {
    const cache = open();
    const reading = { schema: userSchema, schemaId: SCHEMA_ID };
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
    expect('counted', 'every purge is counted', equals(planted.length, cache.stats().purged));
    expect('reported', 'keys in the events of the purges', equals(planted, reported));
  },
});
