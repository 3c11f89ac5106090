import { fullOnlyFailover } from './families.ts';

/**
 * The partition lasts longer than the client's deadlines plus the threshold of its breaker, so both take effect.
 */
export const partitionClient = fullOnlyFailover({
  id: 'partition-client',
  title: 'One client is cut off from the master; other clients and the nodes are not',
  source: 'drills: partition-client',
  safeOutcome:
    'the isolated client meets its deadlines and is served from memory; no failover happens, and the other client is not affected',
  needs: [],
  neededFailovers: 0,
  proxied: ['kit'],
  faults: [{ fault: 'cut-clients', target: 'master', atMs: 2_000, heal: { afterMs: 6_000 } }],
});
