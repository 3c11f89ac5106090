import { fullOnlyFailover } from './families.ts';

/** The sentinel on the minority side still reports the former master, so that clients get two different answers. */
export const partitionMinority = fullOnlyFailover({
  id: 'partition-minority',
  title: 'The master and one sentinel are cut off from the other nodes; clients still reach them',
  source: 'drills: partition-minority; valkey-io/valkey#2158',
  safeOutcome:
    'the highest config-epoch of the majority wins: no write by the deposed master, no durable write lost',
  needs: ['partition'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500 },
  faults: [
    {
      fault: 'partition-minority',
      target: 'master',
      atMs: 2_000,
      heal: { when: 'succeeded', plusMs: 3_000 },
      watchReturnMs: 15_000,
    },
  ],
});
