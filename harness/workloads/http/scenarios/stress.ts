/** Stress: a rate that rises in steps to several times the normal rate. */
import type { Options } from 'k6/options';
import { rate, summaryTrendStats, thresholds, visit } from './scenario.ts';

export { handleSummary } from './scenario.ts';

const usual = rate(100);

export const options: Options = {
  scenarios: {
    stress: {
      executor: 'ramping-arrival-rate',
      startRate: usual,
      timeUnit: '1s',
      preAllocatedVUs: 300,
      stages: [1, 2, 3, 4].flatMap((factor) => [
        { target: usual * factor, duration: '2s' },
        { target: usual * factor, duration: '4s' },
      ]),
    },
  },
  thresholds: thresholds(1_000),
  summaryTrendStats,
};

export default visit;
