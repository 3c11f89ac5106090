/**
 * Determines the current master of an environment, and waits until its nodes agree. Uses only the admin connections of
 * an `Environment`, so it works on every substrate. `redis/role-state.ts` interprets the replies.
 */
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { waitWhile } from '../host/wait.ts';
import { fieldsOf } from '../redis/reply.ts';
import {
  describeRoles,
  type RedisReport,
  type RoleState,
  roleStateOf,
  type SentinelReport,
} from '../redis/role-state.ts';
import { type Environment, type NodeStatus, RECENT } from '../substrates/environment.ts';

/** The part of an environment that the queries use. */
export type RoleSource = Pick<Environment, 'topology' | 'admin' | 'status'> & {
  /** Closes the admin connection of a node, so that the next `admin` opens a new one. */
  readonly reconnect?: (nodeId: string) => void;
};

export interface SettleOptions {
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Timeout in ms; default: the maximum duration of a failover, `failoverBoundMs`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Returns the maximum time, in ms, between the loss of a master and the promotion of its successor: an election without
 * a winner is repeated after twice the failover timeout.
 */
export function failoverBoundMs({ environment: { sentinel } }: Environment['topology']): number {
  return sentinel.downAfterMs + 2 * sentinel.failoverTimeoutMs + 10_000;
}

/** Queries all running nodes. Not for use with a cluster: `Environment.cluster` lists its masters. */
export async function readRoles(source: RoleSource): Promise<RoleState> {
  const { topology } = source;
  // A node that has stopped since its status was read does not reply, and is left out as well.
  const status = await source.status(RECENT);
  const running = new Set(status.filter(({ state }) => state === 'running').map(({ id }) => id));
  const isRunning = ({ id }: { readonly id: string }) => running.has(id);
  const service = topology.environment.topology.serviceName;
  const [redis, sentinels] = await Promise.all([
    Promise.all(
      topology.redis
        .filter(isRunning)
        .map(({ id }) => queryNode(source, id, (it) => redisReport(it, id, status))),
    ),
    Promise.all(
      topology.sentinels
        .filter(isRunning)
        .map(({ id }) => queryNode(source, id, (it) => sentinelReport(it, id, service, status))),
    ),
  ]);
  return roleStateOf({
    redis: redis.filter((report) => report !== undefined),
    sentinels: sentinels.filter((report) => report !== undefined),
    sentinelCount: topology.sentinels.length,
  });
}

/**
 * Waits until the sentinels and the node itself report the same master, and returns its id. Demotes a previous master
 * that came back after a failover. The sentinels would demote it about 10 s later, and all writes that it accepted
 * before that would be lost.
 *
 * @throws KitError `ROLES_UNSETTLED` with the last state
 */
export async function settleRoles(source: RoleSource, options: SettleOptions = {}): Promise<string> {
  let reported = '';
  let master = '';
  const timeoutMs = options.timeoutMs ?? failoverBoundMs(source.topology);
  const look = async () => {
    const state = await readRoles(source);
    if (state.kind === 'stable') {
      master = state.master;
      return undefined;
    }
    const words = describeRoles(state);
    if (words !== reported) options.progress?.(`waiting until all nodes agree on the master: ${words}`);
    reported = words;
    if (state.kind === 'deposed-master') {
      for (const id of state.deposed) {
        await demote(source, id, state.master);
        options.progress?.(`${id} was master before the failover; it now replicates from ${state.master}`);
      }
    }
    return words;
  };
  const what = 'the sentinels and nodes to agree on one master';
  await waitWhile({ what, timeoutMs, intervalMs: 100, signal: options.signal }, look).catch(
    (error: unknown) => {
      if (!(error instanceof KitError) || error.code !== 'NOT_HEALTHY') throw error;
      throw new KitError(error.message, {
        code: 'ROLES_UNSETTLED',
        exitCode: EXIT.UNKNOWN,
        where: source.topology.environment.name,
        hint: 'see docs/runbook.md, "No master"',
        cause: error,
      });
    },
  );
  return master;
}

/**
 * Demotes a node as Sentinel does (sentinelSendSlaveOf): its clients are disconnected, so that they look for the
 * master.
 */
export async function demote(source: RoleSource, nodeId: string, masterId: string): Promise<void> {
  const master = (await source.status(RECENT)).find(({ id }) => id === masterId);
  if (master === undefined) throw new RangeError(`no node '${masterId}' in this environment`);
  const { host, port } = master.announced ?? master.address;
  const redis = await source.admin(nodeId);
  await redis.multi().replicaof(host, port).call('CLIENT', 'KILL', 'TYPE', 'normal').exec();
}

/**
 * Queries a node; returns undefined if it does not reply. Retries once, because a sentinel that reconfigures a node
 * closes its connections, including this one.
 */
async function queryNode<T>(
  source: RoleSource,
  id: string,
  question: (redis: Redis) => Promise<T>,
): Promise<T | undefined> {
  const queryOnce = async () => question(await source.admin(id));
  return queryOnce().catch(() => {
    source.reconnect?.(id);
    return queryOnce().catch(() => undefined);
  });
}

async function redisReport(redis: Redis, id: string, nodes: readonly NodeStatus[]): Promise<RedisReport> {
  const [role, host, port] = (await redis.call('ROLE')) as readonly unknown[];
  if (String(role) === 'master') return { id, role: 'master' };
  return { id, role: 'replica', follows: nodeAt(nodes, String(host), Number(port)) };
}

async function sentinelReport(
  redis: Redis,
  id: string,
  service: string,
  nodes: readonly NodeStatus[],
): Promise<SentinelReport> {
  const readMaster = async (): Promise<SentinelReport> => {
    const master = fieldsOf(await redis.call('SENTINEL', 'MASTER', service));
    return {
      id,
      names: nodeAt(nodes, master.get('ip') ?? '', Number(master.get('port'))),
      configEpoch: Number(master.get('config-epoch') ?? 0),
      flags: flagsOf(master),
    };
  };
  const report = await readMaster();
  if (!report.flags.includes('failover_in_progress')) return report;
  const replicas = ((await redis.call('SENTINEL', 'REPLICAS', service)) as readonly unknown[]).map(fieldsOf);
  const selected = replicas.find((it) => flagsOf(it).includes('promoted'));
  // Either no replica is selected yet, or the failover has ended between the two replies.
  if (selected === undefined) return readMaster();
  return { ...report, promotes: nodeAt(nodes, selected.get('ip') ?? '', Number(selected.get('port'))) };
}

function flagsOf(instance: ReadonlyMap<string, string>): readonly string[] {
  return (instance.get('flags') ?? '').split(',');
}

/** Returns the node that the other nodes reach at the address. */
function nodeAt(nodes: readonly NodeStatus[], host: string, port: number): string | undefined {
  return nodes.find(({ address, announced = address }) => announced.host === host && announced.port === port)
    ?.id;
}
