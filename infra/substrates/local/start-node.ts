/**
 * Starts a Redis node without a predefined role: it looks up the current master and returns as its replica.
 *
 * Other nodes may have accepted writes while it was down. It therefore never returns as master while another node can
 * be promoted, even if the sentinels still report it as master: it waits until they have promoted another node. A
 * master that restarts before the sentinels detect its failure would make the replicas copy its (older, or empty) data.
 * It becomes master again only if it is the only node left and has data. A cluster node receives its role from the
 * others.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { isAlive } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import { failoverBoundMs } from '../../operations/roles.ts';
import { awaitAnswer } from './health.ts';
import { nodeOf } from './local-context.ts';
import { aliveRedisNodes, namedBySentinels, resolveMaster } from './master-resolution.ts';
import type { LocalNodes } from './nodes.ts';
import { inspectData, startReplica } from './recover.ts';
import { startClusterNode } from './recover-cluster.ts';

export interface StartOptions {
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Starts the node and returns when it answers. Starting a running node is an error. */
export async function startNode(
  nodes: LocalNodes,
  nodeId: string,
  { progress = () => {}, signal }: StartOptions = {},
): Promise<void> {
  const node = nodeOf(nodes.context, nodeId);
  const recorded = nodes.processes().get(nodeId);
  if (recorded !== undefined && (await isAlive(recorded))) {
    throw new KitError(`${nodeId} is already running`, { code: 'NODE_RUNNING', exitCode: EXIT.UNKNOWN });
  }
  // The nodes.conf has the previous role of the node; the other nodes send the current role before the node accepts a
  // command (cluster.c waits 2 s for that).
  if (node.role === 'redis' && node.shard !== undefined) {
    return startClusterNode(nodes, nodeId, { progress, signal });
  }
  const master =
    node.role === 'sentinel' ? (await resolveMaster(nodes)).nodeId : await masterFor(nodes, nodeId, signal);
  if (node.role === 'redis' && master !== nodeId)
    return startReplica(nodes, node, master, { progress, signal });
  await nodes.launch(node, master);
  await awaitAnswer(nodes.health(signal), nodeId);
}

/** Returns the node to replicate; the node itself if it may be master. */
async function masterFor(nodes: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<string> {
  const { nodeId: named, learnedFrom } = await resolveMaster(nodes);
  if (named !== nodeId) return named;
  const others = (await aliveRedisNodes(nodes)).filter((id) => id !== nodeId);
  if (others.length > 0 && learnedFrom === 'sentinels') return failedOver(nodes, nodeId, signal);
  await requireMostRecent(nodes, nodeId, signal);
  return nodeId;
}

/**
 * Checks that no node has more data: replicas copy the master's data, so a master must not start with less data than
 * another node.
 */
async function requireMostRecent(
  { context }: LocalNodes,
  nodeId: string,
  signal?: AbortSignal,
): Promise<void> {
  if (context.topology.redis.length === 1) return;
  const { choice } = await inspectData(context, nodeId, { signal });
  if (choice.kind === 'start' && choice.nodeId === nodeId) return;
  const flags = environmentFlags(context.topology.environment);
  throw new KitError(`${nodeId} does not start as master: ${choice.reason}`, {
    code: 'STALE_MASTER',
    hint: `run kit up ${flags} to start from the node with the most recent data, or kit recover ${flags} to see the data of each node`,
    exitCode: EXIT.UNKNOWN,
  });
}

/**
 * Waits until the sentinels report a master other than this node, which is down; the sentinels detect its failure
 * within down-after. The kit does not send SENTINEL FAILOVER: a sentinel accepts it while another one leads a failover,
 * and both would promote a replica.
 */
async function failedOver(nodes: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<string> {
  let successor: string | undefined;
  await waitWhile(
    {
      what: `the sentinels to report a master other than the restarted ${nodeId}`,
      timeoutMs: failoverBoundMs(nodes.context.topology),
      intervalMs: 50,
      signal,
    },
    async () => {
      successor = await namedBySentinels(nodes);
      return successor === undefined || successor === nodeId ? 'they still report it' : undefined;
    },
  );
  return successor ?? nodeId;
}
