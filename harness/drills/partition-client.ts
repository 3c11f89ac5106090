import { fullOnlyFailover } from './families.ts';

/** Longer than the client's deadlines and its breaker's threshold together, so that both are used. */
export const partitionClient = fullOnlyFailover({
  id: 'partition-client',
  title: 'One client is cut off from the master; other clients and all nodes are not',
  source: 'drills: partition-client',
  safeOutcome:
    'its deadlines hold, its memory fallback answers, no failover; the other client does not notice',
  needs: [],
  neededFailovers: 0,
  proxied: ['kit'],
  faults: [{ fault: 'cut-clients', target: 'master', atMs: 2_000, heal: { afterMs: 6_000 } }],
});
