import { fullOnlyFailover } from './families.ts';

/**
 * The partition is healed 3 s after the sentinels report the successor. By then, it has lasted longer than
 * `minReplicasMaxLagSeconds` in every environment, so clients can reach both masters for as long as the previous master
 * accepts writes.
 */
export const partitionMaster = fullOnlyFailover({
  id: 'partition-master',
  title: 'The master is cut off from replicas and sentinels; clients still reach it',
  source: 'drills: partition-master; Jepsen 2013',
  safeOutcome:
    'no durable write is lost; asynchronous writes are lost only until another node is promoted, and a deposed master accepts none',
  needs: ['partition'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500 },
  faults: [
    {
      fault: 'partition',
      target: 'master',
      atMs: 2_000,
      heal: { when: 'succeeded', plusMs: 3_000 },
      watchReturnMs: 15_000,
    },
  ],
});
