import { failoverDrill } from './families.ts';

/** Shorter than Sentinel's threshold: 300 ms and 1 s of dev's 1.5 s, 1 and 3.3 s of production's 5 s. */
export const shortStall = failoverDrill({
  id: 'short-stall',
  title: 'The master stalls for less than down-after-milliseconds',
  source: 'drills: short-stall; redis/redis#8607',
  safeOutcome: 'no failover, nothing applied twice, nothing lost',
  needs: ['pause'],
  parameters: { incrsPerSecond: 60, appendsPerSecond: 60, afterHealMs: 500 },
  faults: [
    { fault: 'pause', target: 'master', atMs: 800, heal: { shareOfDownAfter: 0.2 } },
    { fault: 'pause', target: 'master', atMs: 2_500, heal: { shareOfDownAfter: 0.65 } },
  ],
});
