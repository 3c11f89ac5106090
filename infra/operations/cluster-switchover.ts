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
  const wait = { timeoutMs: stepTimeoutMs, ...(signal && { signal }) };
  const shard = await healthyShard(cluster, from, wait);
  const to = shard.replicas[0];
  if (to === undefined) throw switchoverFailed(`${from} has no replica`);
  const [promoted, replaced] = await Promise.all([environment.admin(to), environment.admin(from)]);

  const startedAt = performance.now();
  const step = async (
    what: string,
    problem: () => Promise<string | undefined>,
    timeoutMs = stepTimeoutMs,
  ): Promise<number> => {
    await waitWhile({ what, timeoutMs, intervalMs: 5 }, problem).catch((error) => {
      throw switchoverFailed(error instanceof Error ? error.message : String(error), error);
    });
    return Math.round(performance.now() - startedAt);
  };

  signal?.throwIfAborted();
  const askForFailover = () =>
    promoted.call('CLUSTER', 'FAILOVER').catch((error) => {
      throw switchoverFailed(`${to} refused CLUSTER FAILOVER: ${(error as Error).message}`, error);
    });
  await askForFailover();
  const { redis, cluster: settings } = environment.topology.environment;
  const { minReplicasToWrite } = redis;
  const retryMs = electionRetryMs(settings.nodeTimeoutMs);
  let askedAt = startedAt;
  const notWritable = async () => {
    const info = await infoOf(promoted, 'replication');
    const inSync = Number(info.get('min_slaves_good_slaves') ?? minReplicasToWrite);
    if (info.get('role') === 'master')
      return inSync >= minReplicasToWrite ? undefined : `${inSync} of ${minReplicasToWrite} replicas in sync`;
    // A vote was lost: Redis ends a manual failover after 5 s, before it asks for votes again.
    if (performance.now() - askedAt > retryMs) {
      askedAt = performance.now();
      await askForFailover();
    }
    return `role:${info.get('role')}`;
  };
  const writableMs = await step(`${to} to accept writes`, notWritable, stepTimeoutMs + retryMs);
  progress?.(`${to} is master`);
  const demotedMs = await step(`${from} to be a synchronized replica`, async () => {
    const info = await infoOf(replaced, 'replication');
    const [role, link] = [info.get('role'), info.get('master_link_status')];
    return role === 'slave' && link === 'up' ? undefined : `role:${role} master_link_status:${link}`;
  });
  const agreedMs = await step(`all nodes to report ${to} as master`, () => cluster.healthProblem());
  return { from, to, tookMs: Math.max(writableMs, demotedMs), writableMs, demotedMs, agreedMs };
}

/** Time, in ms, after which a replica may ask for votes again (cluster_legacy.c, auth_retry_time). */
function electionRetryMs(nodeTimeoutMs: number): number {
  return 2 * Math.max(2 * nodeTimeoutMs, 2_000);
}

/** Waits for the end of a short problem: the nodes reconnect within a second after a stall. */
async function healthyShard(
  cluster: ClusterView,
  master: string,
  wait: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Shard> {
  let problem: string | undefined;
  const look = async () => {
    problem = await cluster.healthProblem();
    return problem;
  };
  await waitWhile({ what: 'the cluster to be healthy', intervalMs: 50, ...wait }, look).catch((error) => {
    wait.signal?.throwIfAborted();
    throw switchoverFailed(`the cluster is not healthy: ${problem ?? String(error)}`, error);
  });
  const shards = await cluster.shards();
  const shard = shards.find((it) => it.master === master);
  if (shard !== undefined) return shard;
  throw switchoverFailed(`'${master}' is not a master; masters: ${shards.map((it) => it.master).join(', ')}`);
}
