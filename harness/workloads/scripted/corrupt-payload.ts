/**
 * Payloads that the client must reject, written without the client: flipped or truncated bytes, foreign bytes, another
 * format, and an older schema. Each is read with `get` and with `getOrCompute`.
 */

import { encodeEnvelope } from '../../../client/envelope.ts';
import type { StandardSchema } from '../../../client/types.ts';
import { waitUntil } from '../../wait.ts';
import { defineScript, equals, errorOf } from './script.ts';

interface User {
  readonly id: number;
  readonly name: string;
}

const SCHEMA_ID = 'user@2';
const GOOD: User = { id: 1, name: 'Ada' };

const userSchema: StandardSchema<User> = {
  '~standard': {
    version: 1,
    vendor: 'drill',
    validate: (value) =>
      typeof value === 'object' && value !== null && 'id' in value && 'name' in value
        ? { value: value as User }
        : { issues: [{ message: 'not a user' }] },
  },
};

/** Every kind of corruption, derived from a valid payload. */
const POISONS: Readonly<Record<string, (good: Buffer) => Buffer>> = {
  'flipped-byte': (good) => {
    const bad = Buffer.from(good);
    const last = bad.length - 1;
    bad.writeUInt8(bad.readUInt8(last) ^ 0x01, last);
    return bad;
  },
  cut: (good) => good.subarray(0, Math.ceil(good.length / 2)),
  'cut-in-header': (good) => good.subarray(0, 3),
  empty: () => Buffer.alloc(0),
  foreign: () => Buffer.from(JSON.stringify(GOOD)),
  'later-format': (good) => {
    const bad = Buffer.from(good);
    bad.writeUInt8(0xff, 1);
    return bad;
  },
  'older-schema': () => encodeEnvelope(GOOD, { schemaId: 'user@1' }),
  'older-shape': () => encodeEnvelope({ userId: 1, fullName: 'Ada' }, { schemaId: SCHEMA_ID }),
};

export const corruptPayload = defineScript({
  name: 'corrupt-payload',
  defaults: { purgeBoundMs: 2_000 },
  async run({ open, expect, remember, masterOf, tag, parameters, signal }) {
    const cache = open();
    const reading = { schema: userSchema, schemaId: SCHEMA_ID };
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
        `${poison}: nothing wrong is returned`,
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
      expect(`${poison}-purged`, `${poison}: it is purged from Redis`, equals(true, purged));

      await plantPayload();
      const computed = await cache.getOrCompute(key, () => GOOD, reading);
      expect(
        `${poison}-recomputed`,
        `${poison}: getOrCompute computes the value`,
        equals({ ...GOOD }, { ...computed }),
      );
    }
    const expected = 2 * Object.keys(POISONS).length;
    expect('counted', 'every purge is counted', equals(expected, cache.stats().purged));
  },
});
