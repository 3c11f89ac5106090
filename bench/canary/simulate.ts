/** Runs a scenario with the judge of `canary/` and with the two naive rules, on the same looks. */
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { step } from '../../canary/judge/step.ts';
import type { LookEvent, Rules } from '../../canary/judge/types.ts';
import type { CanaryConfig } from '../../config/canary.ts';
import { seededRandom } from '../../harness/workloads/random.ts';
import type { Scenario } from './scenarios.ts';
import { looksOf } from './traffic.ts';

/** The naive rule rolls back at an error delta above one percentage point. */
const NAIVE_DELTA = 0.01;

interface Run {
  readonly verdict: 'rollback' | 'promote' | 'none';
  readonly seconds: number;
  /**
   * Whether the naive rule rolls back within the 30 minutes if it is applied to all requests so far, or to the requests
   * of each look.
   */
  readonly naiveCumulative: boolean;
  readonly naivePerLook: boolean;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly runs: number;
  readonly rollbacks: number;
  readonly promotions: number;
  /** Median time to a rollback in s; null if there was none. */
  readonly medianSeconds: number | null;
  readonly naiveCumulative: number;
  readonly naivePerLook: number;
}

export function simulate(scenario: Scenario, runs: number, config: CanaryConfig, seed: number): Outcome {
  const { stages } = scenario;
  const rules: Rules = { ...config, rollout: { ...config.rollout, stages: [...stages] } };
  const all = Array.from({ length: runs }, (_, run) =>
    runOnce(scenario, rules, seed, `${scenario.name}/${run}`),
  );
  const count = (of: (run: Run) => boolean) => all.filter(of).length;
  const times = all.flatMap(({ verdict, seconds }) => (verdict === 'rollback' ? [seconds] : []));
  times.sort((a, b) => a - b);
  return {
    scenario,
    runs,
    rollbacks: times.length,
    promotions: count(({ verdict }) => verdict === 'promote'),
    medianSeconds: times[Math.floor((times.length - 1) / 2)] ?? null,
    naiveCumulative: count((run) => run.naiveCumulative),
    naivePerLook: count((run) => run.naivePerLook),
  };
}

function runOnce({ traffic }: Scenario, rules: Rules, seed: number, stream: string): Run {
  let state = INITIAL_STATE;
  let end: Pick<Run, 'verdict' | 'seconds'> | undefined;
  let before: LookEvent | undefined;
  const naive = { cumulative: false, perLook: false };
  for (const look of looksOf(traffic, seededRandom(seed, stream))) {
    if (end === undefined) {
      const { decision, state: after } = step(rules, state, look, { figures: false });
      state = after;
      const { verdict } = decision;
      if (verdict === 'rollback' || verdict === 'promote') end = { verdict, seconds: look.atMs / 1000 };
    }
    naive.cumulative ||= deltaOf(look, undefined) > NAIVE_DELTA;
    naive.perLook ||= deltaOf(look, before) > NAIVE_DELTA;
    before = look;
    if (end !== undefined && naive.cumulative && naive.perLook) break;
  }
  return {
    ...(end ?? { verdict: 'none', seconds: 0 }),
    naiveCumulative: naive.cumulative,
    naivePerLook: naive.perLook,
  };
}

/** Returns the error delta over all requests, or over those since the look `before`. */
function deltaOf(look: LookEvent, before: LookEvent | undefined): number {
  const ratio = (arm: 'canary' | 'control') => {
    const requests = look.arms[arm].requests - (before?.arms[arm].requests ?? 0);
    const failures = look.arms[arm].failures - (before?.arms[arm].failures ?? 0);
    return requests === 0 ? 0 : failures / requests;
  };
  return ratio('canary') - ratio('control');
}
