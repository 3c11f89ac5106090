/**
 * Analytics of reads and loads: hit ratios by domain, sizes, savings.
 *
 * @module analytics
 */

export {
  type AnalyticsEvent,
  type AnalyticsOptions,
  type AnalyticsReport,
  CacheAnalytics,
  domainOf,
  type GroupReport,
  type SizeSample,
} from './analytics.ts';
export { estimateSavings, type Savings } from './savings.ts';
