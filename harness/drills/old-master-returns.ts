import { fullOnlyFailover } from './families.ts';

/**
 * The master hangs rather than dies, because a node that is started again asks the sentinels first. The load continues
 * for longer than the 10 s after which Sentinel itself makes it a replica (`settleMs`), so that only Sentinel or a
 * fence does so.
 */
export const oldMasterReturns = fullOnlyFailover({
  id: 'old-master-returns',
  title: 'A deposed master returns under load',
  source: 'drills: old-master-returns; bitnami/charts#5418, bitnami/charts#5543',
  safeOutcome:
    'the returned master accepts no write later than 1 s after its return, and no acknowledgement is stale',
  needs: ['pause'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500, settleMs: 15_000 },
  faults: [
    {
      fault: 'pause',
      target: 'master',
      atMs: 2_000,
      heal: { when: 'recovered', plusMs: 500 },
      watchReturnMs: 15_000,
    },
  ],
});
