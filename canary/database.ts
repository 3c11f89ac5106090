/** Location of the pattern cache and of the canary's keys: a separate database or, in a cluster, a prefix. */
import type { RedisOptions } from '../client/types.ts';
import type { CanaryConfig } from '../config/canary.ts';

/**
 * Returns the options for the pattern cache, with database 2 by default. A Redis Cluster has only database 0, so the
 * namespace gets a suffix; FLUSHDB, or `kit cache-clear` without a prefix, then affects both caches.
 */
export function patternCacheOptions(
  mode: RedisOptions['mode'],
  { redis }: Pick<CanaryConfig, 'redis'>,
  namespace: string = redis.namespace,
): { readonly db?: number; readonly namespace: string } {
  return mode === 'cluster'
    ? { namespace: `${namespace}:${redis.clusterSuffix}` }
    : { db: redis.database, namespace };
}
