import { fullOnlyFailover } from './families.ts';

export const sentinelLoss = fullOnlyFailover({
  id: 'sentinel-loss',
  title: 'A sentinel dies, then the master',
  source: 'drills: sentinel-loss; Redis 00-base.tcl',
  safeOutcome: 'as in master-crash, the remaining sentinels promote a replica, and no durable write is lost',
  needs: ['kill', 'start'],
  neededFailovers: 1,
  faults: [
    { fault: 'kill', target: 'sentinel-1', atMs: 1_000, heal: { when: 'others-healed' } },
    { fault: 'kill', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } },
  ],
});
