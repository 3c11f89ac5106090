/** Spike: five times the normal rate within one second, and back. */
import type { Options } from 'k6/options';
import { rate, summaryTrendStats, thresholds, visit } from './scenario.ts';

export { handleSummary } from './scenario.ts';

const usual = rate(50);

export const options: Options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate',
      startRate: usual,
      timeUnit: '1s',
      preAllocatedVUs: 300,
      stages: [
        { target: usual, duration: '8s' },
        { target: usual * 5, duration: '1s' },
        { target: usual * 5, duration: '5s' },
        { target: usual, duration: '1s' },
        { target: usual, duration: '8s' },
      ],
    },
  },
  thresholds: thresholds(1_000),
  summaryTrendStats,
};

export default visit;
