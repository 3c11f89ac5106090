/**
 * Deliberately changes the master of one shard in a cluster, without losing an acknowledged write. Redis coordinates
 * the change: after CLUSTER FAILOVER on a replica, the master pauses its clients, and the replica catches up, wins the
 * vote and takes over the slots. If the vote fails, the pause ends and the master continues to serve its clients.
 */
import type { Redis } from 'ioredis';
import { waitWhile } from '../host/wait.ts';
import type { ClusterView, Shard } from '../redis/cluster.ts';
import { infoOf } from '../redis/reply.ts';
import type { Environment } from '../substrates/environment.ts';
import { type SwitchoverOptions, type SwitchoverReport, switchoverFailed } from './switchover.ts';

/** Time, in ms, after which Redis ends a manual failover without success (cluster_legacy.c, CLUSTER_MF_TIMEOUT). */
const MANUAL_FAILOVER_MS = 5_000;

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

  const { redis, cluster: settings } = environment.topology.environment;
  signal?.throwIfAborted();
  const startedAt = await takeOver(promoted, { to, nodeTimeoutMs: settings.nodeTimeoutMs, ...wait });
  const step = async (
    what: string,
    problem: () => Promise<string | undefined>,
    timeoutMs = stepTimeoutMs,
  ): Promise<number> => {
    await waitForStep(what, timeoutMs, problem);
    return Math.round(performance.now() - startedAt);
  };

  const { minReplicasToWrite } = redis;
  const writableMs = await step(`${to} to accept writes`, async () => {
    const info = await infoOf(promoted, 'replication');
    const inSync = Number(info.get('min_slaves_good_slaves') ?? minReplicasToWrite);
    return inSync >= minReplicasToWrite ? undefined : `${inSync} of ${minReplicasToWrite} replicas in sync`;
  });
  progress?.(`${to} is master`);
  const demotedMs = await step(`${from} to be a synchronized replica`, async () => {
    const info = await infoOf(replaced, 'replication');
    const [role, link] = [info.get('role'), info.get('master_link_status')];
    return role === 'slave' && link === 'up' ? undefined : `role:${role} master_link_status:${link}`;
  });
  const agreedMs = await step(
    `all nodes to report ${to} as master`,
    () => cluster.healthProblem(),
    stepTimeoutMs + settings.nodeTimeoutMs,
  );
  return { from, to, tookMs: Math.max(writableMs, demotedMs), writableMs, demotedMs, agreedMs };
}

/** Returns the time, in ms, after which a replica may ask for votes again (cluster_legacy.c, auth_retry_time). */
function electionRetryMs(nodeTimeoutMs: number): number {
  return 2 * Math.max(2 * nodeTimeoutMs, 2_000);
}

/**
 * Starts a failover and waits until the replica is master. If a vote was lost, starts another one: by then Redis has
 * ended the first one, and the master has accepted writes in the meantime. Returns the start of the last one, as
 * `performance.now()`.
 */
async function takeOver(
  promoted: Redis,
  options: {
    readonly to: string;
    readonly nodeTimeoutMs: number;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<number> {
  const { to, nodeTimeoutMs, timeoutMs, signal } = options;
  let startedAt = performance.now();
  await promoted.call('CLUSTER', 'FAILOVER').catch((error) => {
    throw switchoverFailed(`${to} refused CLUSTER FAILOVER: ${(error as Error).message}`, error);
  });
  const retryMs = Math.max(electionRetryMs(nodeTimeoutMs), MANUAL_FAILOVER_MS);
  let repeated = false;
  await waitForStep(`${to} to be master`, timeoutMs + retryMs, async () => {
    const role = (await infoOf(promoted, 'replication')).get('role');
    if (role === 'master') return undefined;
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > MANUAL_FAILOVER_MS && signal?.aborted) throw switchoverFailed(String(signal.reason));
    if (elapsedMs > retryMs && !repeated) {
      repeated = true;
      startedAt = performance.now();
      const refusal = await promoted.call('CLUSTER', 'FAILOVER').catch((error: Error) => error);
      if (refusal instanceof Error) return refusal.message;
    }
    return `role:${role}`;
  });
  return startedAt;
}

async function waitForStep(
  what: string,
  timeoutMs: number,
  problem: () => Promise<string | undefined>,
): Promise<void> {
  await waitWhile({ what, timeoutMs, intervalMs: 5 }, problem).catch((error) => {
    throw switchoverFailed(error instanceof Error ? error.message : String(error), error);
  });
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
