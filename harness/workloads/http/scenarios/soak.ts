/** Soak: the normal rate for a long time. */
import type { Options } from 'k6/options';
import { rate, seconds, summaryTrendStats, thresholds, visit } from './scenario.ts';

export { handleSummary } from './scenario.ts';

export const options: Options = {
  scenarios: {
    soak: {
      executor: 'constant-arrival-rate',
      rate: rate(50),
      timeUnit: '1s',
      duration: seconds(3_600),
      preAllocatedVUs: 100,
    },
  },
  thresholds: thresholds(500),
  summaryTrendStats,
};

export default visit;
