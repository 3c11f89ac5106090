import { fullOnlyFailover } from './families.ts';

/**
 * The replicas stay down for longer than `minReplicasMaxLagSeconds` in every environment, plus one second in which the
 * refusals are counted.
 */
export const allReplicasLost = fullOnlyFailover({
  id: 'all-replicas-lost',
  title: 'All replicas die and return',
  source: 'drills: all-replicas-lost; Redis min-slaves.tcl',
  safeOutcome:
    'the master refuses writes that no replica can receive, as redis.minReplicasToWrite promises; no failover happens, and no write is lost',
  needs: ['kill', 'start'],
  neededFailovers: 0,
  faults: [{ fault: 'kill', target: 'all-replicas', atMs: 2_000, heal: { afterMs: 6_000 } }],
});
