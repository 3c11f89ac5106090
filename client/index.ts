/** The public surface of `@redis-cache-kit/client`. */

export type { Codec, CodecName, CodecRule } from './api/codec.ts';
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
} from './api/errors.ts';
export type {
  DomainPatterns,
  Invalidation,
  InvalidationReceipt,
  Mapping,
  Outdated,
} from './api/invalidation.ts';
export type { MetricFamily, MetricSample } from './api/metrics.ts';
export type * from './api/types.ts';
export { binaryCodec } from './codec/codec.ts';
export type {
  Decoded,
  DecodeFailure,
  DecodeOptions,
  EncodeOptions,
  Freshness,
  TagStamp,
} from './codec/envelope.ts';
export { decodeEnvelope, encodeEnvelope } from './codec/envelope-checked.ts';
export { schemaIdOf } from './codec/schema.ts';
export { type EnvironmentPlan, featuresFromEnv, fromEnv, planFromEnv, type Variables } from './env.ts';
export {
  type AnalyticsEvent,
  type AnalyticsOptions,
  type AnalyticsReport,
  CacheAnalytics,
  domainOf,
  type GroupReport,
  type SizeSample,
} from './extras/analytics/analytics.ts';
export { estimateSavings, type Savings } from './extras/analytics/savings.ts';
export {
  type Check,
  type CheckStatus,
  type Health,
  type HealthOptions,
  healthCheck,
  healthHandler,
} from './extras/health.ts';
export {
  type LlmAnswer,
  type LlmCache,
  type LlmCacheOptions,
  type LlmRequest,
  type LlmResult,
  llmCache,
} from './extras/llm.ts';
export { type LogRecord, logEvents } from './extras/log.ts';
export { type PrometheusRegistry, registerMetrics } from './extras/metrics/prom-client.ts';
export {
  type CacheWithSources,
  collectMetrics,
  type MetricSource,
  renderMetrics,
} from './extras/metrics/server.ts';
export {
  type Counter,
  SharedStatistics,
  type SharedStatisticsOptions,
  type SharedTotals,
} from './extras/shared-statistics.ts';
export {
  type TelemetryAttributes,
  type TelemetryMeter,
  type TelemetryOptions,
  type TelemetrySpan,
  type TelemetryTracer,
  withTelemetry,
} from './extras/telemetry.ts';
export {
  readThrough,
  type ThroughOptions,
  type ThroughStore,
  writeThrough,
} from './extras/through/read-write.ts';
export type { Change, Sink, Source } from './extras/through/source.ts';
export {
  type WriteBehindEvent,
  type WriteBehindOptions,
  type WriteBehindStatistics,
  type WriteBehindStore,
  writeBehind,
} from './extras/through/write-behind.ts';
export {
  type DefaultGenerators,
  type DefaultRole,
  defaultStrategies,
  type ResolvedStrategy,
  type WarmEntries,
  type WarmEntry,
  type WarmingStrategy,
} from './extras/warming/strategy.ts';
export {
  CacheWarmer,
  type WarmingEvent,
  type WarmingReport,
  type WarmingStatistics,
} from './extras/warming/warmer.ts';
export { type WrapOptions, type Wrapped, wrap } from './extras/wrap.ts';
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
  buildBatchKey,
  buildKey,
  buildResponseKey,
  buildVectorKey,
  type KeyOptions,
  type VectorSearch,
} from './keys/keys.ts';
export { connect } from './transport/index.ts';
