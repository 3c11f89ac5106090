/**
 * The start without a role: a Redis that was down asks who is master now and comes back as its replica.
 *
 * While it was down others may have taken writes that it does not have. So as long as another node can be promoted it
 * never returns as master, not even when the sentinels still name it: it waits until they do not. A master that comes
 * back faster than they notice would make the replicas copy its (older, or empty) data. Only when it is alone, and has
 * data, it is master again. A node of a cluster is told by the others.
 */
import { EXIT, KitError } from '../../config/errors.ts';
import { isAlive } from '../process-identity.ts';
import { failoverBoundMs } from '../roles.ts';
import { until } from '../wait.ts';
import { awaitAnswer } from './health.ts';
import { aliveRedisNodes, findMaster, namedBySentinels } from './mastership.ts';
import type { LocalNodes } from './nodes.ts';
import { inspectData, startReplica } from './recover.ts';
import { startClusterNode } from './recover-cluster.ts';
import { nodeOf } from './site.ts';

export interface StartOptions {
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Starts the node and returns when it answers. Starting what runs is an error. */
export async function startNode(
  nodes: LocalNodes,
  nodeId: string,
  { progress = () => {}, signal }: StartOptions = {},
): Promise<void> {
  const node = nodeOf(nodes.site, nodeId);
  const recorded = nodes.processes().get(nodeId);
  if (recorded !== undefined && (await isAlive(recorded))) {
    throw new KitError(`${nodeId} is running already`, { code: 'NODE_RUNNING', exitCode: EXIT.UNKNOWN });
  }
  // Its nodes.conf says what the node was; the others say what it is now, before it takes a command (cluster.c waits 2 s for that).
  if (node.role === 'redis' && node.shard !== undefined) {
    return startClusterNode(nodes, nodeId, { progress, signal });
  }
  const master =
    node.role === 'sentinel' ? (await findMaster(nodes)).nodeId : await masterFor(nodes, nodeId, signal);
  if (node.role === 'redis' && master !== nodeId)
    return startReplica(nodes, node, master, { progress, signal });
  await nodes.launch(node, master);
  await awaitAnswer(nodes.health(signal), nodeId);
}

/** Whom the node is to follow; itself where it may be master. */
async function masterFor(nodes: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<string> {
  const { nodeId: named, learnedFrom } = await findMaster(nodes);
  if (named !== nodeId) return named;
  const others = (await aliveRedisNodes(nodes)).filter((id) => id !== nodeId);
  if (others.length > 0 && learnedFrom === 'sentinels') return failedOver(nodes, nodeId, signal);
  await requireMostRecent(nodes, nodeId, signal);
  return nodeId;
}

/** Replicas copy what the master has: it does not start with less than another node. */
async function requireMostRecent({ site }: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<void> {
  if (site.topology.redis.length === 1) return;
  const { choice } = await inspectData(site, nodeId, { signal });
  if (choice.kind === 'start' && choice.nodeId === nodeId) return;
  const { name } = site.topology.environment;
  throw new KitError(`${nodeId} does not start as master: ${choice.reason}`, {
    code: 'STALE_MASTER',
    hint: `kit up --env ${name} starts from the node with the most recent data, kit recover --env ${name} shows what each node has`,
    exitCode: EXIT.UNKNOWN,
  });
}

/**
 * Waits until the sentinels name another master than this node, which is down: they notice within down-after. They are not
 * told to (SENTINEL FAILOVER): a sentinel takes that order while another one leads a failover, and both promote.
 */
async function failedOver(nodes: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<string> {
  let successor: string | undefined;
  await until(
    {
      what: `the sentinels to name another master than ${nodeId}, which comes back without being one`,
      timeoutMs: failoverBoundMs(nodes.site.topology),
      intervalMs: 50,
      signal,
    },
    async () => {
      successor = await namedBySentinels(nodes);
      return successor === undefined || successor === nodeId ? 'they still name it' : undefined;
    },
  );
  return successor ?? nodeId;
}
