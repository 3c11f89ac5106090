/** Scenarios of the simulation, and the bounds on their results. */
import { BASE, type Traffic } from './traffic.ts';

export interface Scenario {
  readonly name: string;
  readonly traffic: Traffic;
  /** Stages in percent; the first one is the share in the simulated traffic. With one stage nothing is promoted. */
  readonly stages: readonly number[];
  /**
   * Largest and smallest allowed share of runs that end in a rollback, and largest allowed share that is promoted; if
   * absent, there is no limit.
   */
  readonly rollbackMax?: number;
  readonly rollbackMin?: number;
  readonly promotedMax?: number;
  readonly promotedMin?: number;
  /** Largest allowed median time to a rollback, in s. */
  readonly medianMaxSeconds?: number;
}

const ONE = [10] as const;
const TWO = [10, 50] as const;

export const SCENARIOS: readonly Scenario[] = [
  { name: 'A/A', traffic: BASE, stages: ONE, rollbackMax: 0.02 },
  { name: 'A/A, 3 errors per user', traffic: { ...BASE, clump: 3 }, stages: ONE, rollbackMax: 0.02 },
  { name: 'A/A, 10 errors per user', traffic: { ...BASE, clump: 10 }, stages: ONE, rollbackMax: 0.02 },
  {
    name: 'A/A, 3 errors per user, 20 broken users',
    traffic: { ...BASE, clump: 3, brokenUsers: 20 },
    stages: ONE,
    rollbackMax: 0.02,
  },
  { name: 'A/A, 2 % errors', traffic: { ...BASE, errorRatio: 0.02 }, stages: ONE, rollbackMax: 0.02 },
  { name: 'A/A, promotion', traffic: BASE, stages: TWO, promotedMin: 0.9 },
  {
    name: '+1 point',
    traffic: { ...BASE, harm: 0.01 },
    stages: ONE,
    rollbackMin: 0.999,
    medianMaxSeconds: 60,
  },
  {
    name: '+1 point on 1 % errors',
    traffic: { ...BASE, errorRatio: 0.01, harm: 0.01 },
    stages: ONE,
    rollbackMin: 0.999,
  },
  { name: '+0.5 points', traffic: { ...BASE, harm: 0.005 }, stages: TWO, promotedMax: 0.005 },
  {
    name: '+0.5 points on 1 % errors',
    traffic: { ...BASE, errorRatio: 0.01, harm: 0.005 },
    stages: TWO,
    promotedMax: 0.005,
  },
  {
    name: 'p95 +20 %',
    traffic: { ...BASE, slowdown: 1.2 },
    stages: ONE,
    rollbackMin: 0.999,
    medianMaxSeconds: 40,
  },
];
