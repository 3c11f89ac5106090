/**
 * Faults of a container. Each function returns once the effect has been observed. Healing may be called twice.
 *
 * A partition uses unreachable routes in the node's own network namespace, which a short-lived helper container sets.
 * It works on every engine (it does not need the host's iptables), separates groups from each other, and does not
 * affect published ports.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { waitWhile } from '../../host/wait.ts';
import type { DataFolder, Heal } from '../environment.ts';
import { type ContainerFacts, docker, inspectContainers, tryDocker } from './engine.ts';
import type { DockerPlan, PlannedContainer, PlannedNode } from './plan.ts';

const EFFECT_TIMEOUT_MS = 10_000;

const engineOf = ({ engine }: PlannedContainer) => ({ engine });

/**
 * Kills the node with SIGKILL, without a grace period. The restart policy does not apply until the node is started
 * again (`docker kill` counts as a manual stop).
 */
export async function killNode(node: PlannedContainer): Promise<void> {
  await requireState(node, true);
  await docker(['kill', '--signal', 'KILL', node.container], engineOf(node));
  await awaitState(node, 'to be dead', ({ State }) => State.Status === 'exited');
}

/**
 * Stops the node with SIGTERM, and with SIGKILL after a grace period that is longer than Redis waits for its replicas
 * (shutdown-timeout, 10 s).
 */
export async function stopNode(node: PlannedContainer): Promise<void> {
  await requireState(node, true);
  await docker(['stop', '--time', '20', node.container], engineOf(node));
  await awaitState(node, 'to stop', ({ State }) => State.Status === 'exited');
}

export async function startNode(node: PlannedContainer): Promise<void> {
  await requireState(node, false);
  await docker(['start', node.container], engineOf(node));
  await awaitState(node, 'to run', ({ State }) => State.Status === 'running');
}

/** Returns the data volume in the container, for a mount in its namespace. */
export async function dataFolderOf({ container }: PlannedNode): Promise<DataFolder> {
  const pid = (await inspectContainers([container])).get(container)?.State.Pid;
  if (pid === undefined || pid === 0)
    throw new KitError(`${container} is not running`, { code: 'FAULT_UNAVAILABLE' });
  return { path: '/data', pid };
}

export async function pauseNode(node: PlannedContainer): Promise<Heal> {
  await docker(['pause', node.container], engineOf(node));
  return () => unpauseNode(node);
}

/** Resumes a node. Has no effect on a node that is not paused. */
export async function unpauseNode(node: PlannedContainer): Promise<void> {
  const state = (await inspectContainers([node])).get(node.container)?.State.Status;
  if (state === 'paused') await docker(['unpause', node.container], engineOf(node));
}

/** Disconnects both networks: the node is unreachable, even at its published port. */
export async function disconnectNode(plan: DockerPlan, node: PlannedNode): Promise<Heal> {
  const { data, publish } = plan.networks;
  await docker(['network', 'disconnect', publish.name, node.container]);
  await docker(['network', 'disconnect', data.name, node.container]);
  return async () => {
    const joined = (await inspectContainers([node])).get(node.container)?.NetworkSettings.Networks ?? {};
    // With a different address, the node would not be recognised by the others, and an old master would never be
    // demoted.
    if (joined[data.name] === undefined) {
      await docker(['network', 'connect', '--ip', node.address.host, data.name, node.container]);
    }
    if (joined[publish.name] === undefined)
      await docker(['network', 'connect', publish.name, node.container]);
  };
}

/**
 * Isolates a group from all other nodes and from the watchdog; connections within the group and from this host are
 * unaffected. Both sides lose their routes: if only one side lost its routes, its packets would be dropped, but packets
 * from the other side would still arrive, and a master would count replicas that it cannot reach.
 */
export async function partitionNodes(
  plan: DockerPlan,
  nodeIds: readonly string[],
  helperImage: string,
): Promise<Heal> {
  const group = plan.nodes.filter(({ id }) => nodeIds.includes(id));
  const others = plan.nodes.filter(({ id }) => !nodeIds.includes(id));
  // The watchdog, if it is running, does not act without a reply.
  const unreachable = [...others, ...(plan.watchdog === undefined ? [] : [plan.watchdog])];
  const hosts = (nodes: readonly PlannedContainer[]) => nodes.map(({ address }) => address.host);
  const each = async (verb: 'add' | 'del') => {
    const changes = await Promise.allSettled([
      ...group.map((node) => changeRoutes(node, hosts(unreachable), verb, helperImage)),
      ...others.map((node) => changeRoutes(node, hosts(group), verb, helperImage)),
    ]);
    const failed = changes.find((change) => change.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    await each('add');
  } catch (error) {
    await each('del');
    throw error;
  }
  return () => each('del');
}

async function changeRoutes(
  node: PlannedNode,
  others: readonly string[],
  verb: 'add' | 'del',
  image: string,
): Promise<void> {
  // Deleting a missing route is a success: a restarted node has a new namespace.
  const script = others.map(
    (host) => `busybox ip route ${verb} blackhole ${host}/32${verb === 'del' ? ' || true' : ''}`,
  );
  const record = await tryDocker([
    'run',
    '--rm',
    '--network',
    `container:${node.container}`,
    '--user',
    '0:0',
    '--cap-drop',
    'ALL',
    '--cap-add',
    'NET_ADMIN',
    '--entrypoint',
    'sh',
    image,
    '-c',
    ['set -e', ...script].join('\n'),
  ]);
  // A node that has stopped has no namespace, and therefore no routes to delete.
  if (record.exitCode === 0 || (verb === 'del' && (await isStopped(node)))) return;
  const what = verb === 'add' ? 'isolated' : 'connected again';
  throw new KitError(`${node.id} could not be ${what}: ${record.stderr.trim()}`, {
    code: 'FAULT_FAILED',
    where: node.container,
    exitCode: EXIT.UNKNOWN,
  });
}

/** Whether the container exists and is not running. */
export async function isStopped(node: PlannedContainer): Promise<boolean> {
  const state = (await inspectContainers([node])).get(node.container)?.State.Status;
  return state !== undefined && state !== 'running' && state !== 'paused';
}

async function requireState(node: PlannedContainer, running: boolean): Promise<void> {
  const status = (await inspectContainers([node])).get(node.container)?.State.Status;
  const runs = status === 'running' || status === 'paused';
  if (runs === running) return;
  throw new KitError(runs ? `${node.id} is already running` : `${node.id} is not running`, {
    code: runs ? 'NODE_RUNNING' : 'NODE_NOT_RUNNING',
    where: node.container,
    exitCode: EXIT.UNKNOWN,
  });
}

function awaitState(
  node: PlannedContainer,
  what: string,
  holds: (facts: ContainerFacts) => boolean,
): Promise<void> {
  return waitWhile({ what: `${node.id} ${what}`, timeoutMs: EFFECT_TIMEOUT_MS }, async () => {
    const facts = (await inspectContainers([node])).get(node.container);
    return facts !== undefined && holds(facts) ? undefined : (facts?.State.Status ?? 'no container');
  });
}
