import { fullOnlyFailover } from './families.ts';

/** The sentinel on the minority side still reports the previous master, so that clients get two different answers. */
export const partitionMinority = fullOnlyFailover({
  id: 'partition-minority',
  title: 'The master and one sentinel are cut off from the other nodes; clients still reach them',
  source: 'drills: partition-minority; valkey-io/valkey#2158',
  safeOutcome:
    "the majority's highest config-epoch wins: the deposed master accepts no write, and no durable write is lost",
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
