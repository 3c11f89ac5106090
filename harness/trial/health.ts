/**
 * Waits until the topology is healthy again: one master, every other Redis node its replica with the link up, and every
 * sentinel with the same complete view; in a cluster, every slot served and every master with its replicas. The state
 * is read from the nodes over admin connections.
 */
import { KitError } from '../../config/errors.ts';
import { demote, readRoles } from '../../infra/operations/roles.ts';
import type { Info } from '../../infra/redis/info.ts';
import { infoNumber, parseInfo } from '../../infra/redis/info.ts';
import { fieldsOf } from '../../infra/redis/reply.ts';
import { describeRoles } from '../../infra/redis/role-state.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { waitUntil } from '../wait.ts';

/**
 * Maximum wait for a healthy topology before a trial, in ms: longer than the sentinels take to demote a deposed master
 * to a replica (about 10 s). A cluster needs 2 s.
 */
export const HEALTHY_BEFORE_MS = 15_000;
/** Maximum wait for the replicas to catch up with their masters, in ms. */
export const CAUGHT_UP_BOUND_MS = 15_000;

export interface HealthOptions {
  readonly signal: AbortSignal;
  /** Time, in ms, in which the sentinels may restore the topology themselves. */
  readonly settleMs: number;
  readonly boundMs: number;
  /** Called for every node that the trial turned into a replica because the sentinels had not done so in time. */
  readonly onFenced: (nodeId: string) => void;
}

/**
 * Waits until the topology is healthy. A deposed master that has come back is left to the sentinels for `settleMs`
 * (they take about 10 s: sentinel.c waits 4 publish periods and the next INFO), then turned into a replica as in the
 * runbook.
 *
 * @throws KitError naming the remaining problem
 */
export async function awaitHealthy(environment: Environment, options: HealthOptions): Promise<void> {
  const { signal, settleMs, boundMs, onFenced } = options;
  if ((await healthProblemAfter(environment, { signal, boundMs: settleMs })) === undefined) return;
  for (const nodeId of await demoteDeposedMasters(environment)) onFenced(nodeId);
  const problem = await healthProblemAfter(environment, { signal, boundMs });
  if (problem === undefined) return;
  throw new KitError(
    `the topology is not healthy ${(boundMs + settleMs) / 1_000} s after healing: ${problem}`,
    {
      code: 'NOT_HEALTHY',
      where: environment.name,
    },
  );
}

/**
 * Waits until the topology is healthy, and changes nothing. Returns the problem that remains at the
 * time limit; undefined if there is none.
 */
export async function healthProblemAfter(
  environment: Environment,
  options: { readonly signal?: AbortSignal | undefined; readonly boundMs: number },
): Promise<string | undefined> {
  let problem = '';
  const isHealthy = async () => {
    problem = await healthProblem(environment).catch((error: Error) => error.message);
    return problem === '';
  };
  try {
    await waitUntil('a healthy topology', isHealthy, { ...options, everyMs: 50 });
    return undefined;
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return problem;
  }
}

/** Waits until every replica has all data of the master. No client may write from here on. */
export async function awaitReplication(
  environment: Environment,
  options: { readonly signal: AbortSignal; readonly boundMs: number },
): Promise<void> {
  await waitUntil(
    'the replicas to have the same offset as the master',
    async () => {
      const nodes = await replicationInfos(environment);
      const shardOf = new Map(environment.topology.redis.map(({ id, shard }) => [id, shard?.master]));
      // One group with all nodes; in a cluster, one group per shard.
      return [...Map.groupBy(nodes, ({ id }) => shardOf.get(id)).values()].every((group) => {
        const offsets = group.map(({ info }) =>
          infoNumber(info, info.role === 'master' ? 'master_repl_offset' : 'slave_repl_offset'),
        );
        return new Set(offsets).size === 1 && offsets[0] !== null;
      });
    },
    { ...options, everyMs: 20 },
  );
}

/** Describes why the topology is not healthy; empty if it is. */
async function healthProblem(environment: Environment): Promise<string> {
  if (environment.cluster !== undefined) return (await environment.cluster.healthProblem()) ?? '';
  const state = await readRoles(environment);
  if (state.kind !== 'stable') return describeRoles(state);
  const nodes = await replicationInfos(environment);
  const master = nodes.find(({ id }) => id === state.master);
  if (master?.info.role !== 'master') return `${state.master} changed its role during the check`;
  for (const { id, info } of nodes) {
    if (id === master.id) continue;
    if (info.master_link_status !== 'up') return `${id} has no link to its master`;
    if (info.master_replid !== master.info.master_replid)
      return `${id} has a different replication history from ${master.id}`;
  }
  for (const { id } of environment.topology.sentinels) {
    const problem = await sentinelProblem(environment, id);
    if (problem !== '') return `${id}: ${problem}`;
  }
  return '';
}

async function sentinelProblem(environment: Environment, sentinelId: string): Promise<string> {
  const { topology, endpoints } = environment;
  const sentinel = await environment.admin(sentinelId);
  const master = fieldsOf(await sentinel.call('SENTINEL', 'MASTER', endpoints.serviceName));
  if (master.get('flags') !== 'master') return `sees the master as '${master.get('flags')}'`;
  if (Number(master.get('num-other-sentinels')) !== topology.sentinels.length - 1) {
    return `sees ${master.get('num-other-sentinels')} other sentinels`;
  }
  const replicas = (await sentinel.call('SENTINEL', 'REPLICAS', endpoints.serviceName)) as readonly unknown[];
  if (replicas.length !== topology.redis.length - 1) return `sees ${replicas.length} replicas`;
  const down = replicas.map(fieldsOf).find((replica) => replica.get('flags') !== 'slave');
  return down === undefined ? '' : `sees the replica ${down.get('name')} as '${down.get('flags')}'`;
}

/** Turns every master that the sentinels do not report into a replica of the master that they do report. */
async function demoteDeposedMasters(environment: Environment): Promise<readonly string[]> {
  const state = await readRoles(environment);
  if (state.kind !== 'deposed-master') return [];
  for (const id of state.deposed) await demote(environment, id, state.master);
  return state.deposed;
}

async function replicationInfos(environment: Environment): Promise<readonly { id: string; info: Info }[]> {
  return Promise.all(
    environment.topology.redis.map(async ({ id }) => ({
      id,
      info: parseInfo(await (await environment.admin(id)).info('replication')),
    })),
  );
}
