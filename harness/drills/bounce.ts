import { fullOnlyFailover } from './families.ts';

/**
 * A master that restarts before the sentinels detect its failure would make its replicas copy its data set, which may
 * be empty. The kit prevents this when it starts a node: it waits for a failover if another node can be promoted.
 */
export const bounce = fullOnlyFailover({
  id: 'bounce',
  title: 'The master dies and restarts before down-after-milliseconds has passed',
  source: 'drills: bounce; redis/redis#1297, redis/redis#2087',
  safeOutcome:
    'an empty master never wipes its replicas: no durable write is lost, and asynchronous writes are lost only within the stated window',
  needs: ['kill', 'start'],
  faults: [{ fault: 'kill', target: 'master', atMs: 2_000, heal: { afterMs: 0 } }],
});
