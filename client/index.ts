/** The public surface of `@redis-cache-kit/client`. */

export {
  type AnalyticsEvent,
  type AnalyticsOptions,
  type AnalyticsReport,
  CacheAnalytics,
  domainOf,
  type GroupReport,
  type SizeSample,
} from './analytics/analytics.ts';
export { estimateSavings, type Savings } from './analytics/savings.ts';
export type { Codec, CodecName, CodecRule } from './api/codec.ts';
export { binaryCodec } from './codec/codec.ts';
export { schemaIdOf } from './codec/schema.ts';
export { connect } from './connection/index.ts';
export { type EnvironmentPlan, featuresFromEnv, fromEnv, planFromEnv, type Variables } from './env.ts';
export type {
  Decoded,
  DecodeFailure,
  DecodeOptions,
  EncodeOptions,
  Freshness,
  TagStamp,
} from './envelope.ts';
export { decodeEnvelope, encodeEnvelope } from './envelope-checked.ts';
export {
  CacheError,
  type CacheErrorOptions,
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
} from './errors.ts';
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
export {
  type Check,
  type CheckStatus,
  type Health,
  type HealthOptions,
  healthCheck,
  healthHandler,
} from './health.ts';
export type { DomainPatterns } from './invalidation/domains.ts';
export type { Invalidation, InvalidationReceipt, Mapping, Outdated } from './invalidation/invalidation.ts';
export {
  buildBatchKey,
  buildKey,
  buildResponseKey,
  buildVectorKey,
  type KeyOptions,
  type VectorSearch,
} from './keys.ts';
export {
  type LlmAnswer,
  type LlmCache,
  type LlmCacheOptions,
  type LlmRequest,
  type LlmResult,
  llmCache,
} from './llm.ts';
export { type LogRecord, logEvents } from './log.ts';
export type { MetricFamily, MetricSample } from './metrics/exposition.ts';
export { type PrometheusRegistry, registerMetrics } from './metrics/prom-client.ts';
export { type CacheWithSources, collectMetrics, type MetricSource, renderMetrics } from './metrics/server.ts';
export {
  type Counter,
  SharedStatistics,
  type SharedStatisticsOptions,
  type SharedTotals,
} from './shared-statistics.ts';
export {
  type TelemetryAttributes,
  type TelemetryMeter,
  type TelemetryOptions,
  type TelemetrySpan,
  type TelemetryTracer,
  withTelemetry,
} from './telemetry.ts';
export { readThrough, type ThroughOptions, type ThroughStore, writeThrough } from './through/read-write.ts';
export type { Change, Sink, Source } from './through/source.ts';
export {
  type WriteBehindEvent,
  type WriteBehindOptions,
  type WriteBehindStatistics,
  type WriteBehindStore,
  writeBehind,
} from './through/write-behind.ts';
export type * from './types.ts';
export {
  type DefaultGenerators,
  type DefaultRole,
  defaultStrategies,
  type ResolvedStrategy,
  type WarmEntries,
  type WarmEntry,
  type WarmingStrategy,
} from './warming/strategy.ts';
export {
  CacheWarmer,
  type WarmingEvent,
  type WarmingReport,
  type WarmingStatistics,
} from './warming/warmer.ts';
export { type WrapOptions, type Wrapped, wrap } from './wrap.ts';
