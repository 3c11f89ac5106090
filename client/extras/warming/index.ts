/**
 * Cache warming: fills a cache by schedule or on demand.
 *
 * @module warming
 */

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
