/**
 * Health of an environment, read from its nodes: the master answers, every replica is in sync and counted by the
 * master, and every sentinel sees the same master, all replicas, all other sentinels and a quorum. Clusters:
 * `cluster.ts`.
 */

import { tailOf } from '../../host/private-files.ts';
import { isAlive, type ProcessIdentity } from '../../host/process-identity.ts';
import { until } from '../../host/wait.ts';
import type { AdminConnections } from '../../redis/admin.ts';
import { clusterView } from '../../redis/cluster.ts';
import { fieldsOf, infoOf } from '../../redis/reply.ts';
import { diedAtStart } from './launch.ts';
import { addressOf, nodeFiles, type Site } from './local-context.ts';

export interface HealthContext {
  readonly site: Site;
  readonly admin: AdminConnections;
  readonly processes: ReadonlyMap<string, ProcessIdentity>;
  readonly signal?: AbortSignal | undefined;
}

/** Loading a small data set, a first synchronisation, a busy machine: each takes much less. */
const HEALTH_TIMEOUT_MS = 20_000;

/** Waits until the node answers and has loaded its data. */
export async function awaitAnswer(context: HealthContext, nodeId: string): Promise<void> {
  await awaitNode(context, nodeId, `${nodeId} to answer`, async () => {
    const redis = await context.admin.get(nodeId);
    const loading = (await infoOf(redis, 'persistence')).get('loading');
    return loading === '1' ? 'it is loading its data' : undefined;
  });
}

/** Waits until the replica has a master, is in sync with it, and the master counts it as online. */
export async function awaitReplica(context: HealthContext, nodeId: string, masterId: string): Promise<void> {
  const { site, admin } = context;
  const own = addressOf(site, nodeId);
  await awaitNode(context, nodeId, `${nodeId} to be in sync with ${masterId}`, async () => {
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

/** Waits until the master takes writes: it counts as many good replicas as its min-replicas-to-write requires. */
export async function awaitWritable(context: HealthContext, masterId: string): Promise<void> {
  const wanted = context.site.topology.environment.redis.minReplicasToWrite;
  if (wanted === 0) return;
  await awaitNode(context, masterId, `${masterId} to count ${wanted} good replicas`, async () => {
    const good = (await infoOf(await context.admin.get(masterId), 'replication')).get(
      'min_slaves_good_slaves',
    );
    return Number(good) >= wanted ? undefined : `it counts ${good}`;
  });
}

/**
 * Waits until the sentinel watches that master over its own link, and has every replica, every other sentinel and a
 * quorum.
 */
export async function awaitSentinel(context: HealthContext, nodeId: string, masterId: string): Promise<void> {
  const { site, admin } = context;
  const service = site.topology.environment.topology.serviceName;
  const master = addressOf(site, masterId);
  await awaitNode(
    context,
    nodeId,
    `${nodeId} to see its master, replicas and the other sentinels`,
    async () => {
      const redis = await admin.get(nodeId);
      const seen = fieldsOf(await redis.call('SENTINEL', 'MASTER', service));
      const own = seen.get('ip') === master.host && seen.get('port') === String(master.port);
      if (seen.get('flags') !== 'master' || !own) {
        return `master ${seen.get('ip')}:${seen.get('port')} flags ${seen.get('flags')}`;
      }
      const replicas = await listed(redis.call('SENTINEL', 'REPLICAS', service));
      // `ok` comes from the replica's INFO, which Sentinel reads with its own user: the link and its credentials work.
      const linked = replicas.filter(
        (it) => it.get('flags') === 'slave' && it.get('master-link-status') === 'ok',
      );
      if (linked.length < site.topology.redis.length - 1) return `${linked.length} replicas linked`;
      const peers = await listed(redis.call('SENTINEL', 'SENTINELS', service));
      // 0 only after a PONG: a failed AUTH keeps the value above 0 (sentinel.c, act_ping_time).
      const reached = peers.filter((it) => isReachable(it.get('flags')) && it.get('last-ping-sent') === '0');
      if (reached.length < site.topology.sentinels.length - 1) return `${reached.length} sentinels reached`;
      const quorum = String(await redis.call('SENTINEL', 'CKQUORUM', service));
      return quorum.startsWith('OK') ? undefined : quorum;
    },
  );
}

/** `master_down` is that sentinel's report about a former master; Valkey 9 reports it long after the failover. */
function isReachable(flags = ''): boolean {
  const all = flags.split(',');
  return all.includes('sentinel') && !all.includes('s_down') && !all.includes('disconnected');
}

/** Waits until every slot is served, every master has its replicas in sync, and all nodes agree. */
export async function awaitCluster(context: HealthContext): Promise<void> {
  const { site, admin, processes, signal } = context;
  const cluster = clusterView({ topology: site.topology, admin: (nodeId) => admin.get(nodeId) });
  const what = `cluster '${site.topology.environment.name}' to be whole`;
  await until({ what, timeoutMs: HEALTH_TIMEOUT_MS, signal }, async () => {
    for (const [nodeId, identity] of processes) {
      if (!(await isAlive(identity))) throw diedAtStart(site, nodeId);
    }
    return cluster?.missing();
  });
}

async function listed(reply: Promise<unknown>): Promise<readonly ReadonlyMap<string, string>[]> {
  return ((await reply) as readonly unknown[]).map(fieldsOf);
}

async function awaitNode(
  context: HealthContext,
  nodeId: string,
  what: string,
  missing: () => Promise<string | undefined>,
): Promise<void> {
  const process = context.processes.get(nodeId);
  await until(
    {
      what,
      timeoutMs: HEALTH_TIMEOUT_MS,
      signal: context.signal,
      explain: () => tailOf(nodeFiles(context.site, nodeId).log),
    },
    async () => {
      if (process !== undefined && !(await isAlive(process))) throw diedAtStart(context.site, nodeId);
      return missing();
    },
  );
}
