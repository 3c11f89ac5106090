/**
 * Raises the rate of YCSB B in steps until Redis no longer keeps up. The steps show whether the kit's client reaches
 * the 50,000 operations per second of requirements document 002, and where the knee is. `redis-benchmark` measures the
 * limit of the server alone, before the load.
 */
import type { LoadDriver } from '../load/driver.ts';
import { MIXES } from '../load/mixes.ts';
import { loadDefaults, openLoad } from '../load/options.ts';
import { measureServerLimit } from '../load/server-limit.ts';
import { defineScript } from './script.ts';

const defaults = {
  ...loadDefaults,
  /** Target of requirements document 002, in operations per second. */
  wantedPerSecond: 50_000,
  firstPerSecond: 2_500,
  /** Ratio of the rates of consecutive steps. */
  growth: 1.6,
  maximumSteps: 10,
  stepMs: 3_000,
  warmUpMs: 1_000,
  /** Target of C4 for any operation, in ms. With a higher p99, the rate is above the knee. */
  kneeP99Ms: 10,
  serverRequests: 100_000,
};

/**
 * Number of steps to run after the first one that was not sustained, because the machine may cause a single slow step.
 */
const MISSES = 2;

export const throughput = defineScript({
  name: 'throughput',
  defaults,
  async run(context) {
    const { parameters, record, clock, signal } = context;
    const { wantedPerSecond, kneeP99Ms, growth, maximumSteps, stepMs, warmUpMs } = parameters;
    const mark = { type: 'observe', from: 'workload', client: 'kit' } as const;
    record({ ...mark, name: 'load-plan', atUs: clock.nowUs(), data: { wantedPerSecond, kneeP99Ms } });
    await measureServerLimit(context, parameters.serverRequests);
    await using load: LoadDriver = await openLoad(context);
    let misses = 0;
    let perSecond = parameters.firstPerSecond;
    for (let step = 0; step < maximumSteps && misses < MISSES; step++) {
      signal.throwIfAborted();
      const outcome = await load.step({
        ...{ name: 'B', mix: MIXES.B, perSecond, warmUpMs, durationMs: stepMs },
      });
      const isKept =
        outcome.answeredRatio >= 0.99 &&
        outcome.quantileMs('latency/get', 0.99) <= kneeP99Ms &&
        outcome.lagP99Ms <= kneeP99Ms;
      misses = isKept ? 0 : misses + 1;
      perSecond = nextRate(perSecond, growth, wantedPerSecond);
    }
  },
});

/** Returns the rate of the next step. The requested rate is always one of the steps. */
function nextRate(perSecond: number, growth: number, wanted: number): number {
  const next = Math.round(perSecond * growth);
  return perSecond < wanted && next > wanted ? wanted : next;
}
