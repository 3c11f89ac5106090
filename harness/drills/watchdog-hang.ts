import { fullOnlyFailover } from './families.ts';

/** The watchdog hangs before the failover and resumes long after it, with replies from before the failover. */
export const watchdogHang = fullOnlyFailover({
  id: 'watchdog-hang',
  title: 'The watchdog hangs, then the master; both return',
  source: 'drills: old-master-returns; the watchdog is a process that can hang',
  safeOutcome:
    'a failover happens as without a watchdog, no acknowledgement is stale, and no durable write is lost',
  needs: ['pause'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500, settleMs: 15_000 },
  faults: [
    { fault: 'pause', target: 'watchdog', atMs: 1_000, heal: { when: 'others-healed' } },
    {
      fault: 'pause',
      target: 'master',
      atMs: 2_000,
      heal: { when: 'recovered', plusMs: 500 },
      watchReturnMs: 15_000,
    },
  ],
});
