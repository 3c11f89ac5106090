/**
 * Health conditions that must hold before a rolling change replaces a node. The change waits for the same conditions
 * afterwards. These are stricter than the check at startup: each sentinel must also count every replica as promotable,
 * because otherwise the planned switchover would have to wait while writes are paused.
 */
import { fieldsOf, infoOf } from '../../redis/reply.ts';
import { describeRoles } from '../../redis/role-state.ts';
import type { Environment } from '../../substrates/environment.ts';
import { readRoles } from '../roles.ts';
import type { ReplicationGroup } from './order.ts';

/**
 * Describes why the environment is not healthy; undefined if it is.
 *
 * @param except node that may be missing
 * @throws the error of a node that does not reply
 */
export async function rollingProblem(environment: Environment, except?: string): Promise<string | undefined> {
  const { cluster, topology } = environment;
  const down = (await environment.status()).filter(({ id, state }) => id !== except && state !== 'running');
  if (down.length > 0) return down.map(({ id, state }) => `${id} is ${state}`).join(', ');
  const isMissingData = topology.redis.some(({ id }) => id === except);
  // The remaining nodes of a cluster report the missing node as a cluster problem.
  if (cluster !== undefined) return isMissingData ? undefined : await cluster.healthProblem();
  if (isMissingData && topology.redis.length === 1) return undefined;
  const state = await readRoles(environment);
  if (state.kind !== 'stable') return describeRoles(state);
  for (const { id } of topology.redis) {
    if (id === except || id === state.master) continue;
    const link = (await infoOf(await environment.admin(id), 'replication')).get('master_link_status');
    if (link !== 'up') return `${id} is not in sync with ${state.master}: master_link_status:${link}`;
  }
  for (const { id } of topology.sentinels) {
    const problem = id === except ? undefined : await sentinelProblem(environment, id, except);
    if (problem !== undefined) return `${id} ${problem}`;
  }
  return undefined;
}

async function sentinelProblem(
  environment: Environment,
  id: string,
  except: string | undefined,
): Promise<string | undefined> {
  const { topology, endpoints } = environment;
  const sentinel = await environment.admin(id);
  const flags = fieldsOf(await sentinel.call('SENTINEL', 'MASTER', endpoints.serviceName)).get('flags');
  if (flags !== 'master') return `reports the master as ${flags}`;
  const rows = (await sentinel.call('SENTINEL', 'REPLICAS', endpoints.serviceName)) as readonly unknown[];
  const promotable = rows
    .map(fieldsOf)
    .filter((it) => it.get('flags') === 'slave' && it.get('master-link-status') === 'ok');
  const isMissing = (nodes: readonly { readonly id: string }[]) => nodes.some((node) => node.id === except);
  const wanted = topology.redis.length - 1 - (isMissing(topology.redis) ? 1 : 0);
  if (promotable.length < wanted) return `counts ${promotable.length} of ${wanted} replicas as promotable`;
  const quorum = String(await sentinel.call('SENTINEL', 'CKQUORUM', endpoints.serviceName));
  const usable = Number(/^OK (\d+) /.exec(quorum)?.[1] ?? 0);
  const needed = topology.sentinels.length - (isMissing(topology.sentinels) ? 1 : 0);
  return usable >= needed ? undefined : `reaches ${usable} of ${needed} sentinels`;
}

/**
 * Returns the only node that is down or has no link to its master, provided that replacing it repairs the environment:
 * it must be one of the nodes to replace, it must not be a master, and all other nodes must be healthy. An example is a
 * node of an earlier version that cannot copy the data of a newer master.
 */
export async function brokenNode(
  environment: Environment,
  pending: ReadonlySet<string>,
): Promise<string | undefined> {
  const groups = await groupsOf(environment);
  const status = await environment.status();
  const down = status.filter(({ state }) => state !== 'running').map(({ id }) => id);
  const replicas = groups.flatMap((group) => group.replicas).filter((id) => !down.includes(id));
  const linked = await Promise.all(replicas.map((id) => isLinked(environment, id)));
  const broken = [...down, ...replicas.filter((_, i) => !linked[i])];
  const [only] = broken;
  if (only === undefined || broken.length > 1 || !pending.has(only)) return undefined;
  if (groups.some(({ master }) => master === only)) return undefined;
  return (await rollingProblem(environment, only)) === undefined ? only : undefined;
}

async function isLinked(environment: Environment, id: string): Promise<boolean> {
  try {
    const info = await infoOf(await environment.admin(id), 'replication');
    return info.get('master_link_status') === 'up';
  } catch {
    return false;
  }
}

/** Returns the masters with their replicas, as the nodes report them. @throws RangeError if there is no master */
export async function groupsOf(environment: Environment): Promise<readonly ReplicationGroup[]> {
  if (environment.cluster !== undefined) return await environment.cluster.shards();
  const master = await environment.masterId();
  if (master === undefined) throw new RangeError(`no node of '${environment.name}' is the only master`);
  const replicas = environment.topology.redis.map(({ id }) => id).filter((id) => id !== master);
  return [{ master, replicas }];
}

/**
 * Describes how far a replica is behind its master; undefined if the replica has all writes that the master had when
 * the check began.
 */
export async function replicaLag(environment: Environment, id: string): Promise<string | undefined> {
  const group = (await groupsOf(environment)).find(({ replicas }) => replicas.includes(id));
  if (group === undefined) return undefined;
  const offset = async (nodeId: string, field: string) =>
    Number((await infoOf(await environment.admin(nodeId), 'replication')).get(field));
  const target = await offset(group.master, 'master_repl_offset');
  const own = await offset(id, 'slave_repl_offset');
  return own >= target ? undefined : `it is at ${own} of ${target}`;
}
