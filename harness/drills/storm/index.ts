import type { Drill } from '../drill.ts';
import { fullOnlyFailover } from '../families.ts';
import { type StormLength, stormFaults } from './schedule.ts';

const ID = 'storm';
const DEFAULT_MINUTES = 5;
/** Maximum length of a storm. The history of an hour is about 400 MB; judging 1 GB takes 710 MiB of memory. */
export const MAX_STORM_MINUTES = 60;
/** Factor by which a storm may last longer than its schedule, because each round waits for a healthy topology. */
const OVERRUN = 3;
/** TTL of the entries: longer than the longest storm. */
const TTL_SECONDS = 4 * 3_600;
const MS_PER_MINUTE = 60_000;

/**
 * The rates are half as high as in the other failover drills, so that half an hour of history and data stays small.
 * Entries outlive the storm, because an expired one would count as lost. `settleMs` is longer than the 10 s after which
 * Sentinel itself demotes a master that has come back.
 */
export function stormOf({ seed, minutes }: StormLength): Drill {
  const drill = fullOnlyFailover({
    id: ID,
    title: 'Random faults, drawn from the seed of the run',
    source: 'drills: storm',
    safeOutcome:
      'no durable write is lost, every client recovers, and every operation settles, at most 50 ms after its deadline',
    needs: ['kill', 'start', 'pause'],
    parameters: {
      asyncSetsPerSecond: 30,
      durableSetsPerSecond: 20,
      getsPerSecond: 40,
      incrsPerSecond: 15,
      appendsPerSecond: 15,
      getOrComputesPerSecond: 15,
      ttlSeconds: TTL_SECONDS,
      stragglerMs: 1_500,
      afterHealMs: 500,
      settleMs: 12_000,
    },
    faults: stormFaults({ seed, minutes }),
  });
  return {
    ...drill,
    checkers: [...drill.checkers, 'settlement'],
    boundMs: (minutes * OVERRUN + 2) * MS_PER_MINUTE,
    trials: { quick: 0, full: 1 },
  };
}

/** Storm that the catalogue contains. */
export const storm = stormOf({ seed: 1, minutes: DEFAULT_MINUTES });

/** Returns the storm drawn for a run; returns any other drill unchanged. */
export function drawnFor(drill: Drill, seed: number, minutes = DEFAULT_MINUTES): Drill {
  return drill.id === ID ? stormOf({ seed, minutes }) : drill;
}
