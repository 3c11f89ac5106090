/** Smoke test: few requests, to check that the front end replies at all. */
import type { Options } from 'k6/options';
import { rate, seconds, summaryTrendStats, thresholds, visit } from './scenario.ts';

export { handleSummary } from './scenario.ts';

export const options: Options = {
  scenarios: {
    smoke: {
      executor: 'constant-arrival-rate',
      rate: rate(20),
      timeUnit: '1s',
      duration: seconds(5),
      preAllocatedVUs: 20,
    },
  },
  thresholds: thresholds(500),
  summaryTrendStats,
};

export default visit;
