/**
 * A vector search with a cache, logging and a health check.
 *
 *   node examples/integration.ts redis://127.0.0.1:6379
 */

import { healthCheck } from '../client/extras/health.ts';
import { logEvents } from '../client/extras/log.ts';
import { buildVectorKey, redisCache } from '../client/index.ts';

type Hit = readonly [id: string, score: number];

/** Simulates a slow database. */
async function searchDatabase(
  namespace: string,
  vector: readonly number[],
  topK: number,
): Promise<readonly Hit[]> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return vector.slice(0, topK).map((component, i) => [`${namespace}-${i}`, component]);
}

export async function integration(url: string) {
  // #region integration
  const cache = redisCache({ url, namespace: 'search' });
  const stopLog = logEvents(
    cache,
    (record) => record.level !== 'debug' && console.error(JSON.stringify(record)),
  );

  const search = (namespace: string, vector: readonly number[], topK = 10) =>
    cache.getOrCompute(
      buildVectorKey({ namespace, vector, topK }),
      () => searchDatabase(namespace, vector, topK),
      { ttlSeconds: 300 },
    );

  // Concurrent searches, the second with float32 rounding: both have the same key, so the database is queried once.
  const vector = [0.12, 0.5, 0.25];
  const [first, again] = await Promise.all([
    search('documents', vector),
    search('documents', Array.from(Float32Array.from(vector))),
  ]);
  const { loads } = cache.stats();
  const health = await healthCheck(cache);
  // #endregion
  stopLog();
  await cache.clear();
  await cache.close();
  return { first, again, loads, status: health.status };
}

if (import.meta.main) console.log(await integration(process.argv[2] ?? 'redis://127.0.0.1:6379'));
