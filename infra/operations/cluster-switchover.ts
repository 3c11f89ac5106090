/**
 * Deliberately changes the master of one shard in a cluster, without losing an acknowledged write. Redis coordinates
 * the change: after CLUSTER FAILOVER on a replica, the master pauses its clients, and the replica catches up, wins the
 * vote and takes over the slots. If the vote fails, the pause ends and the master continues to serve its clients.
 */
import { waitWhile } from '../host/wait.ts';
import type { ClusterView, Shard } from '../redis/cluster.ts';
import { infoOf } from '../redis/reply.ts';
import type { Environment } from '../substrates/environment.ts';
import { type SwitchoverOptions, type SwitchoverReport, switchoverFailed } from './switchover.ts';

/**
 * Changes the master of a shard.
 *
 * @param from id of the master to replace
 * @throws KitError `SWITCHOVER_FAILED` with the failed step; the shard still has exactly one master
 */
export async function clusterSwitchover(
  environment: Environment,
  from: string,
  { stepTimeoutMs = 5_000, signal, progress }: SwitchoverOptions = {},
): Promise<SwitchoverReport> {
  const { cluster } = environment;
  if (cluster === undefined) throw switchoverFailed('the environment is not a cluster');
  const shard = await healthyShard(cluster, from);
  const to = shard.replicas[0];
  if (to === undefined) throw switchoverFailed(`${from} has no replica`);
  const [promoted, replaced] = await Promise.all([environment.admin(to), environment.admin(from)]);

  const startedAt = performance.now();
  const step = async (what: string, problem: () => Promise<string | undefined>): Promise<number> => {
    await waitWhile({ what, timeoutMs: stepTimeoutMs, intervalMs: 5 }, problem).catch((error) => {
      throw switchoverFailed(error instanceof Error ? error.message : String(error), error);
    });
    return Math.round(performance.now() - startedAt);
  };

  signal?.throwIfAborted();
  await promoted.call('CLUSTER', 'FAILOVER').catch((error) => {
    throw switchoverFailed(`${to} refused CLUSTER FAILOVER: ${(error as Error).message}`, error);
  });
  const { minReplicasToWrite } = environment.topology.environment.redis;
  const writableMs = await step(`${to} to accept writes`, async () => {
    const info = await infoOf(promoted, 'replication');
    const inSync = Number(info.get('min_slaves_good_slaves') ?? minReplicasToWrite);
    if (info.get('role') !== 'master') return `role:${info.get('role')}`;
    return inSync >= minReplicasToWrite ? undefined : `${inSync} of ${minReplicasToWrite} replicas in sync`;
  });
  progress?.(`${to} is master`);
  const demotedMs = await step(`${from} to be a synchronized replica`, async () => {
    const info = await infoOf(replaced, 'replication');
    const [role, link] = [info.get('role'), info.get('master_link_status')];
    return role === 'slave' && link === 'up' ? undefined : `role:${role} master_link_status:${link}`;
  });
  const agreedMs = await step(`all nodes to report ${to} as master`, () => cluster.healthProblem());
  return { from, to, tookMs: Math.max(writableMs, demotedMs), writableMs, demotedMs, agreedMs };
}

async function healthyShard(cluster: ClusterView, master: string): Promise<Shard> {
  const problem = await cluster.healthProblem();
  if (problem !== undefined) throw switchoverFailed(`the cluster is not healthy: ${problem}`);
  const shards = await cluster.shards();
  const shard = shards.find((it) => it.master === master);
  if (shard !== undefined) return shard;
  throw switchoverFailed(`'${master}' is not a master; masters: ${shards.map((it) => it.master).join(', ')}`);
}
