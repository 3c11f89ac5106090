/**
 * Cache warming: fills a cache by schedule or on demand.
 *
 * @module warming
 */

export {
  AccessHistory,
  type AccessHistoryOptions,
  type ExpectedKey,
  type StoredAccessHistory,
} from './access-history.ts';
export { observeReads, type PredictiveOptions, predictiveStrategy } from './predictive.ts';
export {
  type DefaultGenerators,
  type DefaultRole,
  defaultStrategies,
  type ResolvedStrategy,
  type WarmEntries,
  type WarmEntry,
  type WarmingStrategy,
} from './strategy.ts';
export { CacheWarmer, type WarmingEvent, type WarmingReport, type WarmingStatistics } from './warmer.ts';
