/**
 * State of a cluster as its own nodes report it: its shards, and whether it is healthy. The same on every substrate:
 * this module reads over admin connections and changes nothing.
 */
import type { Redis } from 'ioredis';
import { CLUSTER_SLOTS, type SlotRange, type Topology } from '../topology.ts';
import { type ClusterLine, parseClusterNodes, slotOwners } from './cluster-nodes.ts';
import { parseInfo } from './info.ts';
import { infoOf } from './reply.ts';

/** Access to the nodes of a cluster, for queries. */
export interface ClusterNodes {
  readonly topology: Topology;
  admin(nodeId: string): Promise<Redis>;
}

/** A master that has slots, with its replicas. */
export interface Shard {
  readonly master: string;
  readonly slots: readonly SlotRange[];
  readonly replicas: readonly string[];
}

/** State that the nodes of a cluster report. */
export interface ClusterView {
  /** Returns the shards as reported by the nodes that reply, ordered by their first slot. */
  shards(): Promise<readonly Shard[]>;
  /**
   * Describes why the cluster is not healthy; undefined if it is healthy. In a healthy cluster, every node reports
   * every slot as served and is connected to every other node, all nodes agree on the slot owners and on the replicas,
   * and every master has its replicas, each in sync.
   *
   * @throws the error of a node that was queried
   */
  healthProblem(): Promise<string | undefined>;
}

/** Returns the view; undefined for a topology that is not a cluster. */
export function clusterView(nodes: ClusterNodes): ClusterView | undefined {
  if (nodes.topology.environment.topology.kind !== 'cluster') return undefined;
  return { shards: () => shardsOf(nodes), healthProblem: () => healthProblem(nodes) };
}

interface NodeReport {
  readonly nodeId: string;
  readonly view: readonly ClusterLine[];
  /** Line that describes the node itself. */
  readonly self: ClusterLine;
}

async function shardsOf(cluster: ClusterNodes): Promise<readonly Shard[]> {
  const answers = cluster.topology.redis.map(({ id }) => nodeReport(cluster, id).catch(() => undefined));
  return assembleShards((await Promise.all(answers)).filter((report) => report !== undefined));
}

async function healthProblem(cluster: ClusterNodes): Promise<string | undefined> {
  const { redis, environment } = cluster.topology;
  for (const { id } of redis) {
    const complaint = await nodeProblem(cluster, id);
    if (complaint !== undefined) return `${id}: ${complaint}`;
  }
  const reports = await Promise.all(redis.map(({ id }) => nodeReport(cluster, id)));
  const unlinked = unlinkedPair(reports);
  if (unlinked !== undefined) return unlinked;
  const views = new Set(reports.map(({ view }) => slotOwners(view).join()));
  if (views.size > 1) return 'the nodes disagree on the slot owners';
  const shards = assembleShards(reports);
  const { masters, replicas } = environment.topology;
  if (shards.length !== masters) return `${shards.length} of ${masters} masters serve slots`;
  const bare = shards.find((shard) => shard.replicas.length < replicas);
  if (bare !== undefined) return `${bare.master} has ${bare.replicas.length} of ${replicas} replicas`;
  // A master refuses its vote to a node that it still knows as a master.
  const roles = new Set(
    reports.map(({ view }) =>
      view
        .map(({ id, master }) => `${id} ${master}`)
        .sort()
        .join(),
    ),
  );
  return roles.size > 1 ? 'the nodes disagree on which node replicates from which' : undefined;
}

/**
 * Describes the first missing connection between two nodes. A node that has just started reports the cluster as `ok`
 * before all others have reconnected to it, and a vote for it is dropped by a node without a connection
 * (cluster_legacy.c, clusterSendFailoverAuth).
 */
function unlinkedPair(reports: readonly NodeReport[]): string | undefined {
  for (const { nodeId, view } of reports) {
    const line = view.find(({ linked }) => !linked);
    if (line === undefined) continue;
    const other = reports.find(({ self }) => self.id === line.id)?.nodeId ?? line.id;
    return `${nodeId} has no connection to ${other}`;
  }
  return undefined;
}

async function nodeProblem(cluster: ClusterNodes, nodeId: string): Promise<string | undefined> {
  const redis = await cluster.admin(nodeId);
  const { redis: nodes, environment } = cluster.topology;
  const info = parseInfo(String(await redis.call('CLUSTER', 'INFO')));
  const wanted: readonly (readonly [string, string])[] = [
    ['cluster_state', 'ok'],
    ['cluster_slots_assigned', String(CLUSTER_SLOTS)],
    ['cluster_slots_ok', String(CLUSTER_SLOTS)],
    ['cluster_known_nodes', String(nodes.length)],
  ];
  const wrong = wanted.find(([field, value]) => info[field] !== value);
  if (wrong !== undefined) return `${wrong[0]}:${info[wrong[0]]}`;
  const replication = await infoOf(redis, 'replication');
  if (replication.get('role') === 'slave') {
    const link = replication.get('master_link_status');
    return link === 'up' ? undefined : `master_link_status:${link}`;
  }
  const least = environment.redis.minReplicasToWrite;
  const good = Number(replication.get('min_slaves_good_slaves') ?? least);
  return good < least ? `it counts ${good} good replicas` : undefined;
}

async function nodeReport(cluster: ClusterNodes, nodeId: string): Promise<NodeReport> {
  const view = parseClusterNodes(String(await (await cluster.admin(nodeId)).call('CLUSTER', 'NODES')));
  const self = view.find(({ flags }) => flags.includes('myself'));
  if (self === undefined) throw new Error(`${nodeId} does not list itself`);
  return { nodeId, view, self };
}

function assembleShards(reports: readonly NodeReport[]): readonly Shard[] {
  const owners = slotOwners(reports.map(({ self }) => self));
  const replicasOf = (id: string) =>
    reports.filter(({ self }) => self.master === id).map(({ nodeId }) => nodeId);
  return reports
    .map(({ nodeId, self }) => ({
      master: nodeId,
      slots: rangesOf(owners, self.id),
      replicas: replicasOf(self.id),
    }))
    .filter(({ slots }) => slots.length > 0)
    .sort((a, b) => (a.slots[0]?.[0] ?? 0) - (b.slots[0]?.[0] ?? 0));
}

function rangesOf(owners: readonly (string | undefined)[], id: string): readonly SlotRange[] {
  const ranges: [number, number][] = [];
  for (const [slot, owner] of owners.entries()) {
    if (owner !== id) continue;
    const open = ranges.at(-1);
    if (open !== undefined && open[1] === slot - 1) open[1] = slot;
    else ranges.push([slot, slot]);
  }
  return ranges;
}
