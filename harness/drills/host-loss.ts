import { fullOnlyFailover } from './families.ts';

/** A machine with a master and a sentinel stops without closing its connections. */
export const hostLoss = fullOnlyFailover({
  id: 'host-loss',
  title: 'The master and one sentinel hang together and return later',
  source: 'drills: host-loss; redis/redis#2518',
  safeOutcome:
    'as in master-hang, the client moves without a reset, no acknowledgement is stale, and no durable write is lost',
  needs: ['pause'],
  neededFailovers: 1,
  parameters: { stragglerMs: 1_500 },
  faults: [
    { fault: 'pause', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } },
    { fault: 'pause', target: 'sentinel-1', atMs: 2_000, heal: { when: 'others-healed' } },
  ],
});
