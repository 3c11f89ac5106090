/** Draws the schedule of a storm. Pure: the same seed and length give the same faults at the same times. */
import { type Random, seededRandom } from '../../workloads/random.ts';
import type { ScheduledFault } from '../drill.ts';
import { type Scenario, scenarios } from './scenarios.ts';

/** Time before the first round, during which the load runs without a fault. */
const FIRST_MS = 2_000;
/**
 * Interval between rounds. A failover and the return of the old master take up to 16 s; a late round waits for them.
 */
const GAP_MS = { from: 8_000, to: 20_000 } as const;
/** Minimum time, in ms, between the start of the last round and the end of the storm. */
const LAST_MS = 5_000;
const MS_PER_MINUTE = 60_000;

export interface StormLength {
  readonly seed: number;
  readonly minutes: number;
}

export function stormFaults({ seed, minutes }: StormLength): readonly ScheduledFault[] {
  const random = seededRandom(seed, 'storm');
  const endMs = minutes * MS_PER_MINUTE - LAST_MS;
  const faults: ScheduledFault[] = [];
  for (let round = 1, atMs = FIRST_MS; atMs <= endMs; round++) {
    for (const { afterMs, ...strike } of drawScenario(random).strikes(random)) {
      faults.push({ ...strike, round, atMs: atMs + afterMs });
    }
    atMs += GAP_MS.from + random.int(GAP_MS.to - GAP_MS.from + 1);
  }
  return faults;
}

function drawScenario(random: Random): Scenario {
  return random.pick(scenarios.flatMap((scenario) => Array<Scenario>(scenario.weight).fill(scenario)));
}
