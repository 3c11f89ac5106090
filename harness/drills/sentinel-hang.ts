import { fullOnlyFailover } from './families.ts';

/** Clients query the sentinels in the order of their list, so the first sentinel is the one that hangs. */
export const sentinelHang = fullOnlyFailover({
  id: 'sentinel-hang',
  title: 'The first-listed sentinel hangs, then the master dies',
  source: 'drills: sentinel-hang; taskforcesh/bullmq#4378',
  safeOutcome: 'as in master-crash, and the client queries the next sentinel within 0.5 s',
  needs: ['kill', 'start', 'pause'],
  neededFailovers: 1,
  faults: [
    { fault: 'pause', target: 'sentinel-1', atMs: 1_000, heal: { when: 'others-healed' } },
    { fault: 'kill', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } },
  ],
});
