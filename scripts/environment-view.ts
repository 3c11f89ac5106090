/** View of a running environment for `kit up` and `kit status`: facts for programs, a table for users. No secrets. */
import { majorityOf } from '../config/majority.ts';
import { describeHealthProblem } from '../harness/health.ts';
import { describeRotation } from '../infra/operations/password-rotation.ts';
import { nodeServers } from '../infra/operations/servers.ts';
import type { Shard } from '../infra/redis/cluster.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import type { FoundEnvironment } from '../infra/substrates/substrate.ts';
import { WATCHDOG_ID } from '../infra/topology.ts';

/** Text for an environment without a watchdog. The 10 s are from docs/decisions/055-watchdog.md. */
const WITHOUT_WATCHDOG =
  'watchdog: not running; without it, Sentinel demotes a deposed master to a replica about 10 s later. Run kit up to start it.';

export interface EnvironmentView {
  readonly environment: string;
  readonly substrate: Environment['substrate'];
  readonly running: true;
  /**
   * Whether all nodes are running, one Redis node is master, every other Redis node is linked to it, and the sentinels
   * agree. For a cluster: whether every slot is served and every master has its replicas.
   */
  readonly healthy: boolean;
  /** Reason why the environment is not healthy; null if it is healthy. */
  readonly missing: string | null;
  /** Differences from the current configuration and passwords, one sentence each. */
  readonly differences: readonly string[];
  /** The only master; null if there is none, or if the environment is a cluster. */
  readonly master: string | null;
  /** Slot owners of a cluster. */
  readonly shards?: readonly Shard[];
  readonly nodes: readonly {
    readonly id: string;
    readonly address: string;
    /** Name of the node's host; absent without `hosts`. */
    readonly host?: string;
    readonly state: string;
    /** Server and version, such as "Redis 8.2.1"; null if the node does not reply. */
    readonly server: string | null;
    readonly pid: number | null;
    readonly log: string | null;
  }[];
  /** Watchdog; null if the environment has none. An environment can be healthy without a watchdog. */
  readonly watchdog: {
    readonly state: string;
    readonly pid: number | null;
    readonly log: string | null;
  } | null;
  /** Password rotation in progress, in one sentence; null if there is none. */
  readonly rotation: string | null;
  readonly deviations: readonly string[];
  /** Files and addresses that a user needs, by purpose; never a secret. */
  readonly access: Readonly<Record<string, string>>;
}

/**
 * Returns the view. @param settleMs time, in ms, that every sentinel needs to detect nodes that were recently started
 * or healed
 */
export async function environmentView(
  { environment, differences, hasCredentials }: FoundEnvironment,
  settleMs: number,
): Promise<EnvironmentView> {
  const missing = hasCredentials
    ? await describeHealthProblem(environment, settleMs)
    : 'the nodes cannot be queried without their passwords';
  // Read after the wait, so that a node or role that changes during the wait is shown in its final state.
  const [nodes, servers, watchdog, master, shards] = await Promise.all([
    environment.status(),
    hasCredentials ? nodeServers(environment) : new Map<string, string>(),
    environment.watchdogStatus?.(),
    hasCredentials ? environment.masterId() : undefined,
    hasCredentials ? environment.cluster?.shards() : undefined,
  ]);
  // Read once: on Docker, each access fetches every log from the engine.
  const { logs } = environment;
  const rotation = hasCredentials ? environment.passwords?.rotation() : undefined;
  return {
    environment: environment.name,
    substrate: environment.substrate,
    running: true,
    healthy: missing === undefined,
    missing: missing ?? null,
    differences,
    master: master ?? null,
    ...(shards && { shards }),
    nodes: nodes.map(({ id, host, address, state, pid }) => ({
      id,
      address: `${address.host}:${address.port}`,
      ...(host !== undefined && { host }),
      state,
      server: servers.get(id) ?? null,
      pid: pid ?? null,
      log: logs.get(id) ?? null,
    })),
    watchdog: watchdog
      ? {
          state: watchdog.state,
          pid: watchdog.pid ?? null,
          log: logs.get(WATCHDOG_ID) ?? null,
        }
      : null,
    rotation: rotation === undefined ? null : describeRotation(environment.topology.environment, rotation),
    deviations: environment.deviations,
    access: environment.access ?? {},
  };
}

function roleOf({ master, shards = [] }: EnvironmentView, id: string): readonly string[] {
  if (id === master) return ['master'];
  const own = shards.find((shard) => shard.master === id);
  if (own !== undefined) return [`master of ${own.slots.map((range) => range.join('-')).join(' ')}`];
  const followed = shards.find(({ replicas }) => replicas.includes(id));
  return followed === undefined ? [] : [`replica of ${followed.master}`];
}

/** Describes the hosts whose engines do not answer, one sentence each. */
function unreachableHosts({ nodes }: EnvironmentView): readonly string[] {
  const down = nodes.filter(({ state }) => state === 'unreachable');
  return [...new Set(down.map(({ host = '' }) => host))].map((host) => {
    const ids = down.filter((node) => node.host === host).map(({ id }) => id);
    return `host ${host} is unreachable: the state of ${ids.join(', ')} is unknown`;
  });
}

/**
 * Describes each host whose loss would leave no majority of the masters of a cluster, with the remedy. A promoted
 * replica remains master after the old master has returned, so its host may have too many masters.
 */
function crowdedHosts({ nodes, shards = [] }: EnvironmentView): readonly string[] {
  // Fewer shards than any cluster has: not all nodes reply.
  if (shards.length < 3) return [];
  const hostOf = (id: string) => nodes.find((node) => node.id === id)?.host;
  const mastersOn = (host: string | undefined) => shards.filter(({ master }) => hostOf(master) === host);
  const most = shards.length - majorityOf(shards.length);
  const hosts = [...new Set(nodes.flatMap(({ host }) => (host === undefined ? [] : [host])))];
  return hosts
    .filter((host) => mastersOn(host).length > most)
    .map((host) => {
      const here = mastersOn(host);
      const movable = here.find(({ replicas: [next] }) => {
        const target = next === undefined ? undefined : hostOf(next);
        return target !== undefined && target !== host && mastersOn(target).length < most;
      });
      const masters = here.map(({ master }) => master).join(', ');
      // While a host is lost, a switchover may be impossible, or may only move the problem to another host.
      const remedy =
        movable === undefined
          ? 'run kit status again when all hosts have returned'
          : `run kit switchover --shard ${movable.master} when the cluster is healthy`;
      return `host ${host} has ${here.length} of ${shards.length} masters (${masters}), and its loss would leave no majority: ${remedy}`;
    });
}

export function environmentText(view: EnvironmentView): string {
  const pidOf = (pid: number | null) => (pid === null ? '' : `pid ${pid}`);
  const rows = view.nodes.map(({ id, host, address, state, server, pid }) => [
    id,
    host === undefined ? address : `${address} (${host})`,
    [state, ...roleOf(view, id)].join(', '),
    server ?? '',
    pidOf(pid),
  ]);
  const { watchdog } = view;
  if (watchdog !== null) rows.push([WATCHDOG_ID, '', watchdog.state, '', pidOf(watchdog.pid)]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const why = view.missing === null ? '' : `: ${view.missing}`;
  const where = view.substrate === 'local' ? '' : ` (${view.substrate})`;
  const head = `${view.environment}${where}: ${view.healthy ? 'healthy' : `unhealthy${why}`}`;
  return [
    head,
    ...table,
    ...unreachableHosts(view),
    ...crowdedHosts(view),
    ...Object.entries(view.access).map(([purpose, place]) => `${purpose}: ${place}`),
    ...(watchdog !== null && watchdog.state !== 'running' ? [WITHOUT_WATCHDOG] : []),
    ...(view.rotation === null ? [] : [view.rotation]),
    ...view.deviations.map((deviation) => `deviation: ${deviation}`),
    ...view.differences.map((difference) => `differs: ${difference}`),
  ].join('\n');
}
