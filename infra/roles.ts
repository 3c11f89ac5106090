/**
 * Asks an environment's nodes who is master, and waits until they agree. The same on every substrate: over the admin
 * connections of an `Environment`. `role-state.ts` decides what the answers mean.
 */
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../config/errors.ts';
import type { Environment, NodeStatus } from './environment.ts';
import { fieldsOf } from './reply.ts';
import {
  describeRoles,
  type RedisReport,
  type RoleState,
  roleStateOf,
  type SentinelReport,
} from './role-state.ts';
import { until } from './wait.ts';

/** The part of an environment that is asked. */
export type RoleSource = Pick<Environment, 'topology' | 'admin' | 'status'> & {
  /** Closes the admin connection of a node, so that the next `admin` opens a new one. */
  readonly reconnect?: (nodeId: string) => void;
};

export interface SettleOptions {
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the environment's longest failover, `failoverBoundMs`. */
  readonly timeoutMs?: number | undefined;
}

/** Time between a master's end and its successor, at most: an election without a winner is repeated after twice the failover timeout. */
export function failoverBoundMs({ environment: { sentinel } }: Environment['topology']): number {
  return sentinel.downAfterMs + 2 * sentinel.failoverTimeoutMs + 10_000;
}

/** Asks all running nodes; not for a cluster, whose masters `Environment.cluster` lists. */
export async function lookAtRoles(source: RoleSource): Promise<RoleState> {
  const { topology } = source;
  const status = await source.status();
  const running = new Set(status.filter(({ state }) => state === 'running').map(({ id }) => id));
  const isRunning = ({ id }: { readonly id: string }) => running.has(id);
  const service = topology.environment.topology.serviceName;
  const [redis, sentinels] = await Promise.all([
    Promise.all(
      topology.redis.filter(isRunning).map(({ id }) => ask(source, id, (it) => redisReport(it, id, status))),
    ),
    Promise.all(
      topology.sentinels
        .filter(isRunning)
        .map(({ id }) => ask(source, id, (it) => sentinelReport(it, id, service, status))),
    ),
  ]);
  return roleStateOf({
    redis: redis.filter((report) => report !== undefined),
    sentinels: sentinels.filter((report) => report !== undefined),
    sentinelCount: topology.sentinels.length,
  });
}

/**
 * Waits until one node is master by the sentinels' word and its own, and returns its id. A former master that returned
 * after a failover is made a replica, as the sentinels would do about 10 s later: until then it collects writes that
 * are lost.
 *
 * @throws KitError `ROLES_UNSETTLED` with the last state
 */
export async function settleRoles(source: RoleSource, options: SettleOptions = {}): Promise<string> {
  let said = '';
  let master = '';
  const timeoutMs = options.timeoutMs ?? failoverBoundMs(source.topology);
  const look = async () => {
    const state = await lookAtRoles(source);
    if (state.kind === 'stable') {
      master = state.master;
      return undefined;
    }
    const words = describeRoles(state);
    if (words !== said) options.progress?.(`waiting until all nodes agree on the master: ${words}`);
    said = words;
    if (state.kind === 'deposed-master') {
      for (const id of state.deposed) {
        await demote(source, id, state.master);
        options.progress?.(`${id} was master before the failover; it now follows ${state.master}`);
      }
    }
    return words;
  };
  const what = 'one master that the sentinels and the nodes agree on';
  await until({ what, timeoutMs, intervalMs: 100, signal: options.signal }, look).catch((error: unknown) => {
    if (!(error instanceof KitError) || error.code !== 'NOT_HEALTHY') throw error;
    throw new KitError(error.message, {
      code: 'ROLES_UNSETTLED',
      exitCode: EXIT.UNKNOWN,
      where: source.topology.environment.name,
      hint: 'docs/runbook.md, "No master"',
      cause: error,
    });
  });
  return master;
}

/** Makes a node a replica, as Sentinel does it (sentinelSendSlaveOf): its clients are disconnected, so that they ask for the master. */
export async function demote(source: RoleSource, nodeId: string, masterId: string): Promise<void> {
  const master = (await source.status()).find(({ id }) => id === masterId);
  if (master === undefined) throw new RangeError(`no node '${masterId}' in this environment`);
  const { host, port } = master.announced ?? master.address;
  const redis = await source.admin(nodeId);
  await redis.multi().replicaof(host, port).call('CLIENT', 'KILL', 'TYPE', 'normal').exec();
}

/** A node that does not answer has no report. A sentinel that reconfigures a node closes its connections, this one too: asked twice. */
async function ask<T>(
  source: RoleSource,
  id: string,
  question: (redis: Redis) => Promise<T>,
): Promise<T | undefined> {
  const once = async () => question(await source.admin(id));
  return once().catch(() => {
    source.reconnect?.(id);
    return once().catch(() => undefined);
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
  const master = fieldsOf(await redis.call('SENTINEL', 'MASTER', service));
  const flags = (master.get('flags') ?? '').split(',');
  const report: SentinelReport = {
    id,
    names: nodeAt(nodes, master.get('ip') ?? '', Number(master.get('port'))),
    configEpoch: Number(master.get('config-epoch') ?? 0),
    flags,
  };
  if (!flags.includes('failover_in_progress')) return report;
  const replicas = ((await redis.call('SENTINEL', 'REPLICAS', service)) as readonly unknown[]).map(fieldsOf);
  const selected = replicas.find((it) => (it.get('flags') ?? '').split(',').includes('promoted'));
  if (selected === undefined) return report;
  return { ...report, promotes: nodeAt(nodes, selected.get('ip') ?? '', Number(selected.get('port'))) };
}

/** The node that the others know under this address. */
function nodeAt(nodes: readonly NodeStatus[], host: string, port: number): string | undefined {
  return nodes.find(({ address, announced = address }) => announced.host === host && announced.port === port)
    ?.id;
}
