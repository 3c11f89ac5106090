/**
 * Faults that a storm may cause at the same time. Each scenario affects at most one Redis node and one sentinel. With
 * more, an environment with two replicas and three sentinels would not guarantee durable writes.
 */
import type { Random } from '../../workloads/random.ts';
import type { ScheduledFault } from '../drill.ts';

/** A fault, with the time after the start of its round. */
export interface Strike extends Pick<ScheduledFault, 'fault' | 'target' | 'heal'> {
  readonly afterMs: number;
}

export interface Scenario {
  readonly id: string;
  /** Relative frequency with which the scenario is drawn. */
  readonly weight: number;
  readonly strikes: (random: Random) => readonly Strike[];
}

const MAX_CUTS = 5;
const CUT_EVERY_MS = 300;

export const scenarios: readonly Scenario[] = [
  { id: 'master-lost', weight: 4, strikes: (random) => [masterLost(random)] },
  {
    id: 'sentinel-and-master-lost',
    weight: 2,
    strikes: (random) => [
      { ...sentinelLost(random), heal: { when: 'others-healed' } },
      { ...masterLost(random), afterMs: within(random, 0, 1_500) },
    ],
  },
  {
    id: 'master-stalls',
    weight: 2,
    strikes: (random) => [
      strike('pause', 'master', { shareOfDownAfter: Math.round(20 + random.next() * 45) / 100 }),
    ],
  },
  {
    id: 'master-restarts',
    weight: 1,
    strikes: () => [strike('kill', 'master', { afterMs: 0 })],
  },
  {
    id: 'replica-lost',
    weight: 2,
    strikes: (random) => [
      strike(random.pick(['kill', 'pause']), 'replica', { afterMs: within(random, 500, 4_000) }),
    ],
  },
  { id: 'sentinel-lost', weight: 1, strikes: (random) => [sentinelLost(random)] },
  {
    id: 'connections-cut',
    weight: 2,
    strikes: (random) =>
      Array.from({ length: 1 + random.int(MAX_CUTS) }, (_, i) => ({
        ...strike('cut-connections', 'master', { afterMs: 0 }),
        afterMs: i * CUT_EVERY_MS,
      })),
  },
  {
    id: 'planned-switch',
    weight: 2,
    strikes: () => [strike('planned-switch', 'none', { afterMs: 0 })],
  },
];

function masterLost(random: Random): Strike {
  const heal = { when: 'recovered', plusMs: within(random, 0, 3_000) } as const;
  return strike(random.pick(['kill', 'pause']), 'master', heal);
}

function sentinelLost(random: Random): Strike {
  const target = random.pick(['sentinel-1', 'sentinel-2'] as const);
  return strike(random.pick(['kill', 'pause']), target, { afterMs: within(random, 500, 4_000) });
}

function strike(fault: string, target: Strike['target'], heal: Strike['heal']): Strike {
  return { fault, target, heal, afterMs: 0 };
}

/** Draws an integer number of milliseconds within the range. */
function within(random: Random, fromMs: number, toMs: number): number {
  return fromMs + random.int(toMs - fromMs + 1);
}
