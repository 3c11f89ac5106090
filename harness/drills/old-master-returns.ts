import { fullOnlyFailover } from './families.ts';

/**
 * The master hangs rather than dies, because a restarted node queries the sentinels first. The load continues for
 * longer than the 10 s after which Sentinel itself demotes the master to a replica (`settleMs`), so either
 * Sentinel or a fence has demoted it by the end.
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
