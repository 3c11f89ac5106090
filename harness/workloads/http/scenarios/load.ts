/** Load: the normal rate as an open loop, then 100 concurrent callers (requirements document 003). */
import type { Options } from 'k6/options';
import { rate, seconds, summaryTrendStats, thresholds, visit } from './scenario.ts';

export { handleSummary } from './scenario.ts';

export const options: Options = {
  scenarios: {
    usual: {
      executor: 'constant-arrival-rate',
      rate: rate(100),
      timeUnit: '1s',
      duration: seconds(18),
      preAllocatedVUs: 100,
    },
    concurrent: {
      executor: 'per-vu-iterations',
      vus: 100,
      iterations: 10,
      startTime: seconds(18),
      maxDuration: '30s',
    },
  },
  thresholds: thresholds(500),
  summaryTrendStats,
};

export default visit;
