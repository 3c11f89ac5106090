/**
 * Health of an environment, read from its nodes: the master answers, every replica is in sync and counted by the
 * master, and every sentinel reports the same master, all replicas, all other sentinels and a quorum. Clusters:
 * `cluster.ts`.
 */

import { tailOf } from '../../host/private-files.ts';
import { isAlive, type ProcessIdentity } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import type { AdminConnections } from '../../redis/admin.ts';
import { clusterView } from '../../redis/cluster.ts';
import { fieldsOf, infoOf } from '../../redis/reply.ts';
import { diedAtStart } from './launch.ts';
import { addressOf, type LocalContext, nodeFiles } from './local-context.ts';

export interface HealthContext {
  readonly context: LocalContext;
  readonly admin: AdminConnections;
  readonly processes: ReadonlyMap<string, ProcessIdentity>;
  readonly signal?: AbortSignal | undefined;
}

/** Timeout in ms. Loading a small data set, or a first synchronization, takes much less, even on a busy machine. */
const HEALTH_TIMEOUT_MS = 60_000;

/** Waits until the node answers and has loaded its data. */
export async function awaitAnswer(health: HealthContext, nodeId: string): Promise<void> {
  await awaitNode(health, nodeId, `${nodeId} to reply`, async () => {
    const redis = await health.admin.get(nodeId);
    const loading = (await infoOf(redis, 'persistence')).get('loading');
    return loading === '1' ? 'it is loading its data' : undefined;
  });
}

/** Waits until the replica has a master and is in sync with it, and the master counts the replica as online. */
export async function awaitReplica(health: HealthContext, nodeId: string, masterId: string): Promise<void> {
  const { context, admin } = health;
  const own = addressOf(context, nodeId);
  await awaitNode(health, nodeId, `${nodeId} to be in sync with ${masterId}`, async () => {
    const replica = await infoOf(await admin.get(nodeId), 'replication');
    if (replica.get('master_link_status') !== 'up') {
      return `master_link_status:${replica.get('master_link_status')}`;
    }
    const master = await infoOf(await admin.get(masterId), 'replication');
    const listed = [...master.values()].find((line) => line.includes(`ip=${own.host},port=${own.port},`));
    if (listed?.includes('state=online') !== true) return `${masterId} lists it as ${listed ?? 'nothing'}`;
    return undefined;
  });
}

/** Waits until the master accepts writes: it counts as many good replicas as its min-replicas-to-write requires. */
export async function awaitWritable(health: HealthContext, masterId: string): Promise<void> {
  const wanted = health.context.topology.environment.redis.minReplicasToWrite;
  if (wanted === 0) return;
  await awaitNode(health, masterId, `${masterId} to count ${wanted} good replicas`, async () => {
    const good = (await infoOf(await health.admin.get(masterId), 'replication')).get(
      'min_slaves_good_slaves',
    );
    return Number(good) >= wanted ? undefined : `it counts ${good}`;
  });
}

/**
 * Waits until the sentinel monitors the master over its own link, and has every replica, every other sentinel and a
 * quorum.
 */
export async function awaitSentinel(health: HealthContext, nodeId: string, masterId: string): Promise<void> {
  const { context, admin } = health;
  const service = context.topology.environment.topology.serviceName;
  const master = addressOf(context, masterId);
  await awaitNode(
    health,
    nodeId,
    `${nodeId} to detect its master, replicas and the other sentinels`,
    async () => {
      const redis = await admin.get(nodeId);
      const seen = fieldsOf(await redis.call('SENTINEL', 'MASTER', service));
      const own = seen.get('ip') === master.host && seen.get('port') === String(master.port);
      if (seen.get('flags') !== 'master' || !own) {
        return `master ${seen.get('ip')}:${seen.get('port')} flags ${seen.get('flags')}`;
      }
      const replicas = await parseRows(redis.call('SENTINEL', 'REPLICAS', service));
      // `ok` comes from the replica's INFO, which Sentinel reads with its own user, so `ok` shows that the link and its
      // credentials work.
      const linked = replicas.filter(
        (it) => it.get('flags') === 'slave' && it.get('master-link-status') === 'ok',
      );
      if (linked.length < context.topology.redis.length - 1) return `${linked.length} replicas linked`;
      const peers = await parseRows(redis.call('SENTINEL', 'SENTINELS', service));
      // 0 only after a PONG: a failed AUTH keeps the value above 0 (sentinel.c, act_ping_time).
      const reached = peers.filter((it) => isReachable(it.get('flags')) && it.get('last-ping-sent') === '0');
      if (reached.length < context.topology.sentinels.length - 1)
        return `${reached.length} sentinels reached`;
      const quorum = String(await redis.call('SENTINEL', 'CKQUORUM', service));
      return quorum.startsWith('OK') ? undefined : quorum;
    },
  );
}

/**
 * Whether the flags describe a reachable sentinel. `master_down` is the sentinel's report about a previous master;
 * Valkey 9 still reports it long after the failover.
 */
function isReachable(flags = ''): boolean {
  const all = flags.split(',');
  return all.includes('sentinel') && !all.includes('s_down') && !all.includes('disconnected');
}

/** Waits until every slot is served, every master has its replicas in sync, and all nodes agree. */
export async function awaitCluster(health: HealthContext): Promise<void> {
  const { context, admin, processes, signal } = health;
  const cluster = clusterView({ topology: context.topology, admin: (nodeId) => admin.get(nodeId) });
  const what = `cluster '${context.topology.environment.name}' to be healthy`;
  await waitWhile({ what, timeoutMs: HEALTH_TIMEOUT_MS, signal }, async () => {
    for (const [nodeId, identity] of processes) {
      const isNode = context.placement.has(nodeId);
      if (isNode && !(await isAlive(identity))) throw diedAtStart(context, nodeId);
    }
    return cluster?.healthProblem();
  });
}

async function parseRows(reply: Promise<unknown>): Promise<readonly ReadonlyMap<string, string>[]> {
  return ((await reply) as readonly unknown[]).map(fieldsOf);
}

async function awaitNode(
  health: HealthContext,
  nodeId: string,
  what: string,
  missing: () => Promise<string | undefined>,
): Promise<void> {
  const process = health.processes.get(nodeId);
  await waitWhile(
    {
      what,
      timeoutMs: HEALTH_TIMEOUT_MS,
      signal: health.signal,
      explain: () => tailOf(nodeFiles(health.context, nodeId).log),
    },
    async () => {
      if (process !== undefined && !(await isAlive(process))) throw diedAtStart(health.context, nodeId);
      return missing();
    },
  );
}
