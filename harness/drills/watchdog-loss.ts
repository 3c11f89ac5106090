import { fullOnlyFailover } from './families.ts';

/** Without the watchdog, Sentinel takes 10 s to demote the master that has come back (`watchReturnMs`). */
export const watchdogLoss = fullOnlyFailover({
  id: 'watchdog-loss',
  title: 'The watchdog dies, then the master hangs and returns',
  source: 'drills: old-master-returns; the watchdog is a process that can die',
  safeOutcome:
    'a failover happens as without a watchdog, no acknowledgement is stale, and no durable write is lost',
  needs: ['kill', 'start', 'pause'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500, settleMs: 15_000 },
  faults: [
    { fault: 'kill', target: 'watchdog', atMs: 1_000, heal: { when: 'others-healed' } },
    {
      fault: 'pause',
      target: 'master',
      atMs: 2_000,
      heal: { when: 'recovered', plusMs: 500 },
      watchReturnMs: 15_000,
    },
  ],
});
