import { fullOnlyFailover } from './families.ts';

/**
 * The first master stays down until the clients write to the third master, so that the deposed second master is the
 * only possible replica. The load continues for longer than Sentinel needs to demote the second master to a replica
 * (10 s, `settleMs`).
 */
export const doubleFailover = fullOnlyFailover({
  id: 'double-failover',
  title: 'The master dies, and its healthy successor is deposed within 5 s',
  source: 'drills: double-failover; redis/redis#1446',
  safeOutcome:
    'no write is lost to the deposed master, and durable writes are possible again within 2 s of the second failover',
  needs: ['kill', 'start'],
  neededFailovers: 2,
  parameters: { settleMs: 15_000 },
  faults: [
    { fault: 'kill', target: 'master', atMs: 2_000, heal: { when: 'others-healed' } },
    { fault: 'forced-failover', target: 'master', atMs: 2_500, heal: { when: 'recovered', plusMs: 500 } },
  ],
});
