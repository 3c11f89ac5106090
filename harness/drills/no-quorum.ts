import { fullOnlyFailover } from './families.ts';

/**
 * The quorum is missing for three times the down-after time: a failover without a quorum would have happened within
 * this time.
 */
export const noQuorum = fullOnlyFailover({
  id: 'no-quorum',
  title: 'Two sentinels die, then the master; one sentinel returns',
  source: 'drills: no-quorum; Redis 06-ckquorum.tcl',
  safeOutcome: 'no failover happens without a quorum, then exactly one; no durable write is lost',
  needs: ['kill', 'start'],
  neededFailovers: 1,
  faults: [
    { fault: 'kill', target: 'sentinel-1', atMs: 1_000, heal: { shareOfDownAfter: 3 } },
    { fault: 'kill', target: 'sentinel-2', atMs: 1_000, heal: { when: 'others-healed' } },
    { fault: 'kill', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } },
  ],
});
