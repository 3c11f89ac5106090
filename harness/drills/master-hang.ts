import { failoverDrill } from './families.ts';

/**
 * A stock client keeps its connection to a hung master until the master returns; waiting longer than `stragglerMs` is
 * not worthwhile.
 */
export const masterHang = failoverDrill({
  id: 'master-hang',
  title: 'The master hangs without a reset and returns',
  source: 'drills: master-hang; redis/ioredis#1314, redis/ioredis#1021',
  safeOutcome: 'the client moves without a reset, no acknowledgement is stale, and no durable write is lost',
  needs: ['pause'],
  parameters: { stragglerMs: 1_500 },
  faults: [
    {
      fault: 'pause',
      target: 'master',
      atMs: 2_000,
      lag: { fromMs: 500, latencyMs: 250 },
      heal: { when: 'recovered', plusMs: 500 },
    },
  ],
});
