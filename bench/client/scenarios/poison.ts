/** Reads of 10,000 invalid payloads: corrupt, truncated, foreign, or of an older schema. */
import { encodeEnvelope } from '../../../client/envelope.ts';
import { redisCache } from '../../../client/index.ts';
import type { Scenario } from '../scenario.ts';
import { bounded, document } from '../scenario.ts';

const PAYLOADS = 10_000;

export const poison: Scenario = {
  id: 'poison',
  title: `Reads of ${PAYLOADS} invalid payloads`,
  async run({ redis }) {
    const cache = redisCache({ address: redis, namespace: 'poison' });
    try {
      const good = encodeEnvelope(document(1), { schemaId: 'doc@2' });
      const older = encodeEnvelope(document(1), { schemaId: 'doc@1' });
      const makers = [
        (i: number) => {
          const flipped = Buffer.from(good);
          const at = i % flipped.length;
          flipped[at] = (flipped[at] as number) ^ (1 + (i % 255));
          return flipped;
        },
        (i: number) => good.subarray(0, i % good.length),
        () => older,
        (i: number) => Buffer.from(JSON.stringify({ foreign: i })),
      ];
      for (let from = 0; from < PAYLOADS; from += 500) {
        const pipeline = redis.admin.pipeline();
        for (let i = from; i < from + 500; i++)
          pipeline.set(`poison:${i}`, makers[i % makers.length]?.(i) ?? good);
        await pipeline.exec();
      }
      let [thrown, wrong] = [0, 0];
      const at = performance.now();
      await Promise.all(
        Array.from({ length: PAYLOADS }, async (_, i) => {
          try {
            if ((await cache.get(String(i), { schemaId: 'doc@2' })) !== undefined) wrong += 1;
          } catch {
            thrown += 1;
          }
        }),
      );
      const us = ((performance.now() - at) * 1_000) / PAYLOADS;
      const left = (await redis.admin.dbsize()) as number;
      return {
        unit: 'us',
        rows: [{ name: 'read and purge of one payload', median: us, best: us, ratio: 1 }],
        goals: [
          ...bounded('invalid payloads: errors thrown', thrown, 0),
          ...bounded('invalid payloads: wrong values', wrong, 0),
          ...bounded('invalid payloads: not purged', left, 0),
        ],
      };
    } finally {
      await cache.close();
    }
  },
};
