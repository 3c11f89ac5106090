import { fullOnlyFailover } from './families.ts';

/**
 * The replicas stay away for longer than `minReplicasMaxLagSeconds` of every environment, plus a second in which the
 * refusals are counted.
 */
export const allReplicasLost = fullOnlyFailover({
  id: 'all-replicas-lost',
  title: 'All replicas die and return',
  source: 'drills: all-replicas-lost; Redis min-slaves.tcl',
  safeOutcome:
    'as redis.minReplicasToWrite promises, the master refuses writes that no replica can receive; no failover, nothing lost',
  needs: ['kill', 'start'],
  neededFailovers: 0,
  faults: [{ fault: 'kill', target: 'all-replicas', atMs: 2_000, heal: { afterMs: 6_000 } }],
});
