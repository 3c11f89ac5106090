import { failoverDrill } from './families.ts';

/**
 * The stalls are shorter than Sentinel's threshold: 300 ms and 1 s with the threshold of 1.5 s in dev, 1 s and 3.3 s
 * with the threshold of 5 s in production.
 */
export const shortStall = failoverDrill({
  id: 'short-stall',
  title: 'The master stalls for less than down-after-milliseconds',
  source: 'drills: short-stall; redis/redis#8607',
  safeOutcome: 'no failover happens, and no write is lost or applied twice',
  needs: ['pause'],
  parameters: { incrsPerSecond: 60, appendsPerSecond: 60, afterHealMs: 500 },
  faults: [
    { fault: 'pause', target: 'master', atMs: 800, heal: { shareOfDownAfter: 0.2 } },
    { fault: 'pause', target: 'master', atMs: 2_500, heal: { shareOfDownAfter: 0.65 } },
  ],
});
