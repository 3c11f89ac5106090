/**
 * Main entry point of `@redis-cache-kit/client`: everything that an application needs for a cache. Other features have
 * separate entry points (`package.json`, `exports`), which the main entry point does not load.
 *
 * @module main
 */

export type { Codec } from './api/codec.ts';
export {
  CacheError,
  ClientLimitError,
  ClosedError,
  CommandError,
  ConfigurationError,
  DurabilityError,
  LoadTimeoutError,
  NotSentError,
  type Outcome,
  OutcomeUnknownError,
  QueueFullError,
  SerializationError,
  TimeoutError,
} from './api/errors.ts';
export type {
  Cache,
  CacheEvent,
  CacheOptions,
  CacheStatistics,
  ComputeCallOptions,
  Durability,
  LoadContext,
  Lookup,
  ReadOptions,
  WriteOptions,
  WriteReceipt,
} from './api/types.ts';
export { binaryCodec } from './codec/codec.ts';
export { fromEnv } from './env.ts';
export {
  type ClusterCacheOptions,
  clusterCache,
  memoryCache,
  openCache,
  type RedisCacheOptions,
  redisCache,
  type SentinelCacheOptions,
  sentinelCache,
  type TieredCacheOptions,
  tieredCache,
} from './factories.ts';
export { buildBatchKey, buildKey, buildResponseKey, buildVectorKey } from './keys/keys.ts';
export { connect } from './transport/index.ts';
