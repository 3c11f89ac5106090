/**
 * Starts a cluster in which a master has lost its data, has less data than its replica, or has lost its nodes.conf.
 *
 *   each shard whose nodes are all down: read their data ─▶ choose, as for a replication group (`recover.ts`)
 *   the last known master is chosen ─▶ started with the others
 *   its replica is chosen           ─▶ started alone, takes over the slots (CLUSTER FAILOVER TAKEOVER), then the others
 *
 * A node without a nodes.conf gets one that is derived from a running node. In this file the node is a replica, because
 * by then another node owns its slots.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { makePrivateDir, writePrivate } from '../../host/private-files.ts';
import { isAlive } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import { describeData } from '../../recovery/choose.ts';
import { dataNames, readNodeData } from '../../recovery/read.ts';
import { sourceOf } from '../../recovery/source.ts';
import { clusterView } from '../../redis/cluster.ts';
import { NODES_FILE, parseClusterNodes, rejoiningNodes, slotOwners } from '../../redis/cluster-nodes.ts';
import type { RedisNode } from '../../topology.ts';
import type { DataInspection, RecoverOptions } from '../substrate.ts';
import { awaitAnswer } from './health.ts';
import { addressOf, type LocalContext, nodeAt, nodeFiles, nodeOf } from './local-context.ts';
import type { LocalNodes } from './nodes.ts';
import { endWithoutMaster, inspectData, setAside, sourceRequest } from './recover.ts';

/** Timeout of a takeover, in ms: a replica is promoted within the node timeout plus an election. */
const TAKEOVER_TIMEOUT_MS = 30_000;

/** A shard that starts from a node other than its last known master. */
interface Takeover {
  readonly first: string;
  /** Other nodes of the shard, the previous master last. */
  readonly others: readonly string[];
}

/** Starts the nodes that are down. */
export async function startClusterFromBest(
  nodes: LocalNodes,
  gone: readonly string[],
  options: RecoverOptions,
): Promise<void> {
  const takeovers: Takeover[] = [];
  for (const ids of shardsOf(nodes.context)) {
    if (!ids.every((id) => gone.includes(id))) continue;
    const takeover = await takeoverOf(nodes.context, ids, options);
    if (takeover !== undefined) takeovers.push(takeover);
  }
  const held = new Set(takeovers.flatMap(({ first, others }) => [first, ...others]));
  const rest = gone.filter((id) => !held.has(id));
  // Nodes without a nodes.conf need a running node that has one.
  const [known, lost] = [true, false].map((has) =>
    rest.filter((id) => existsSync(nodesFile(nodes.context, id)) === has),
  );
  for (const ids of [known, lost])
    await Promise.all((ids ?? []).map((id) => startClusterNode(nodes, id, options)));
  for (const { first, others } of takeovers) {
    await startClusterNode(nodes, first, options);
    options.progress(`${first} takes over the slots of its shard`);
    await takeOver(nodes, first, options.signal);
    for (const id of others) await startClusterNode(nodes, id, options);
  }
}

/** Reads the data of every shard. Changes nothing. */
export function inspectShards(context: LocalContext): Promise<readonly DataInspection[]> {
  return Promise.all(
    shardsOf(context).map((ids) => inspectData(context, masterOnDisk(context, ids), { ids })),
  );
}

/**
 * Stops the remaining nodes in the shard of a node; the shard must not have a master.
 *
 * @throws KitError `RECOVERY_REFUSED`
 */
export async function endShardForRecovery(
  nodes: LocalNodes,
  nodeId: string,
  progress: (line: string) => void,
): Promise<void> {
  const ids = shardsOf(nodes.context).find((shard) => shard.includes(nodeId)) ?? [];
  const cluster = clusterView({ topology: nodes.context.topology, admin: (id) => nodes.admin.get(id) });
  const shards = (await cluster?.shards()) ?? [];
  await endWithoutMaster(nodes, ids, shards.find(({ master }) => ids.includes(master))?.master, progress);
}

/** Starts one node with a nodes.conf, and without data that its server would refuse. */
export async function startClusterNode(
  nodes: LocalNodes,
  nodeId: string,
  { progress, signal }: Pick<RecoverOptions, 'progress' | 'signal'>,
): Promise<void> {
  const { context } = nodes;
  const node = redisNode(context, nodeId);
  const file = nodesFile(context, nodeId);
  const own = await readNodeData(
    nodeId,
    nodeFiles(context, nodeId).data,
    dataNames(context.topology.environment.redis),
  );
  const isLost = !existsSync(file);
  if (own.state === 'damaged' || isLost) {
    if (own.state === 'damaged') progress(describeData(own));
    const nodesText = await nodesFileFor(nodes, node, signal);
    if (own.state === 'damaged') setAside(context, nodeId, progress);
    else progress(`${nodeId} has lost its ${NODES_FILE}: it joins its shard as a replica`);
    makePrivateDir(nodeFiles(context, nodeId).data);
    writePrivate(file, nodesText);
  }
  await nodes.launch(node, nodeId);
  await awaitAnswer(nodes.health(signal), nodeId);
}

/**
 * Returns the shards of the plan, which stay the same because replicas do not migrate (`cluster-allow-replica-migration
 * no`).
 */
function shardsOf({ topology }: LocalContext): readonly (readonly string[])[] {
  const shards = Map.groupBy(topology.redis, ({ shard }) => shard?.master);
  return [...shards.values()].map((nodes) => nodes.map(({ id }) => id));
}

async function takeoverOf(
  context: LocalContext,
  ids: readonly string[],
  options: RecoverOptions,
): Promise<Takeover | undefined> {
  // There is only one candidate.
  if (ids.length === 1) return undefined;
  const named = masterOnDisk(context, ids);
  const from = options.from !== undefined && ids.includes(options.from) ? options.from : undefined;
  const inspection = await inspectData(context, named, { ids, signal: options.signal });
  const first = sourceOf(inspection, sourceRequest(context.topology.environment, from));
  if (first === named && existsSync(nodesFile(context, named))) return undefined;
  const { choice } = inspection;
  options.progress(
    `starting from the data of ${first}: ${from === undefined ? choice.reason : 'as requested'}`,
  );
  if (from !== undefined) {
    for (const node of inspection.nodes) {
      if (node.nodeId !== first && node.state === 'usable')
        keepNodesFile(context, node.nodeId, options.progress);
    }
  }
  return {
    first,
    others: [...ids.filter((id) => id !== first && id !== named), ...(first === named ? [] : [named])],
  };
}

/** Sets the data aside, but keeps the nodes.conf. */
function keepNodesFile(context: LocalContext, nodeId: string, progress: (line: string) => void): void {
  const file = nodesFile(context, nodeId);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  setAside(context, nodeId, progress);
  if (text === undefined) return;
  makePrivateDir(nodeFiles(context, nodeId).data);
  writePrivate(file, text);
}

/**
 * Returns the owner of the shard's slots according to the latest nodes.conf in the environment, or the planned owner.
 */
function masterOnDisk(context: LocalContext, ids: readonly string[]): string {
  const [first = 'redis-1'] = ids;
  const planned = redisNode(context, first).shard?.master ?? first;
  const lines = context.topology.redis.flatMap(({ id }) => {
    const file = nodesFile(context, id);
    return existsSync(file) ? parseClusterNodes(readFileSync(file, 'utf8')) : [];
  });
  const owner = slotOwners(lines)[redisNode(context, first).shard?.slots[0] ?? 0];
  const line = lines.find(({ id }) => id === owner);
  const found = line === undefined ? undefined : nodeAt(context, line.address.host, line.address.port);
  return found !== undefined && ids.includes(found) ? found : planned;
}

/**
 * Sends CLUSTER FAILOVER TAKEOVER until the node is master of its shard's slots. This may take several attempts,
 * because the other nodes may first have to report to the node that another node was master.
 */
async function takeOver(nodes: LocalNodes, nodeId: string, signal?: AbortSignal): Promise<void> {
  const what = `${nodeId} to take over the slots of its shard`;
  await waitWhile({ what, timeoutMs: TAKEOVER_TIMEOUT_MS, intervalMs: 100, signal }, async () => {
    const redis = await nodes.admin.get(nodeId);
    const view = parseClusterNodes(String(await redis.call('CLUSTER', 'NODES')));
    const self = view.find(({ flags }) => flags.includes('myself'));
    if (self?.flags.includes('master') === true && self.slots.length > 0) return undefined;
    return String(await redis.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
  });
}

/**
 * Returns a nodes.conf in which the node is a replica of the current owner of its slots. Waits until another node owns
 * the slots.
 */
async function nodesFileFor(nodes: LocalNodes, node: RedisNode, signal?: AbortSignal): Promise<string> {
  const { context } = nodes;
  const own = addressOf(context, node.id);
  const slot = node.shard?.slots[0] ?? 0;
  const peers = await runningPeers(nodes, node.id);
  if (peers.length === 0) throw lostNodesFile(context, node.id, 'no other node runs');
  let nodesText = '';
  const what = `another node to own the slots of the shard of ${node.id}`;
  await waitWhile({ what, timeoutMs: TAKEOVER_TIMEOUT_MS, intervalMs: 100, signal }, async () => {
    const redis = await nodes.admin.get(peers[0] as string);
    const view = String(await redis.call('CLUSTER', 'NODES'));
    const lines = parseClusterNodes(view);
    const self = lines.find(({ address }) => address.host === own.host && address.port === own.port);
    if (self === undefined) throw lostNodesFile(context, node.id, `${peers[0]} does not list it`);
    const owner = slotOwners(lines)[slot];
    if (owner === undefined || owner === self.id) return 'it still owns them';
    const info = String(await redis.call('CLUSTER', 'INFO'));
    nodesText = rejoiningNodes(
      view,
      self.id,
      owner,
      Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0),
    );
    return undefined;
  });
  return nodesText;
}

async function runningPeers(nodes: LocalNodes, nodeId: string): Promise<readonly string[]> {
  const running: string[] = [];
  for (const [id, identity] of nodes.processes())
    if (id !== nodeId && (await isAlive(identity))) running.push(id);
  return running;
}

function nodesFile(context: LocalContext, nodeId: string): string {
  return join(nodeFiles(context, nodeId).data, NODES_FILE);
}

function redisNode(context: LocalContext, nodeId: string): RedisNode {
  const node = nodeOf(context, nodeId);
  if (node.role !== 'redis') throw new RangeError(`'${nodeId}' is not a Redis node`);
  return node;
}

/**
 * Returns the error for a lost nodes.conf: without the file, the node would claim the slots that it had at its first
 * start, and wipe the keys of their current owner.
 */
function lostNodesFile(context: LocalContext, nodeId: string, why: string): KitError {
  return new KitError(`${nodeId} has lost its ${NODES_FILE}, and ${why}: its slots are unknown`, {
    code: 'NODES_FILE_LOST',
    where: nodesFile(context, nodeId),
    hint: `run kit up ${environmentFlags(context.topology.environment)} to start the other nodes first, or restore the file`,
    exitCode: EXIT.UNKNOWN,
  });
}
