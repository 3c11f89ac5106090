import { clusterFailover } from './families.ts';

export const clusterMasterCrash = clusterFailover({
  id: 'cluster-master-crash',
  title: 'Crash of a cluster master',
  source: 'Redis cluster specification, replica election and promotion; cluster.c',
  safeOutcome:
    "the master's replica takes over its slots; no durable write is lost, asynchronous writes are lost only within the stated window and in this shard, and no write is applied twice",
  // One second of writes after the recovery of one of three shards is enough to judge.
  parameters: { afterHealMs: 4_000 },
  needs: ['kill', 'start'],
  faults: [{ fault: 'kill', target: 'master', atMs: 2_000, heal: { when: 'recovered', plusMs: 500 } }],
});
