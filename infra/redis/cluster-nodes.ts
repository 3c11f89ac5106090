/**
 * Renders the nodes.conf of a cluster node as Redis would write it after the nodes have discovered each other. Pure.
 *
 * topology + placement + cluster id ─▶ `renderClusterNodes` ─▶ the same view for every node, each with its own `myself`
 *
 * No separate step forms the cluster: the nodes start in any order, already have each other's addresses, and form one
 * cluster (docs/decisions/024-cluster-formed-by-its-files.md). Only a node whose volume has no nodes.conf gets this
 * file. After that, Redis maintains the file, and the kit never overwrites its epochs and slot owners.
 *
 * The client deliberately has a separate parser for CLUSTER NODES: the harness judges the client with this one.
 */
import { createHash } from 'node:crypto';
import {
  type Address,
  busAddress,
  CLUSTER_SLOTS,
  type Placement,
  type RedisNode,
  type SlotRange,
  type Topology,
} from '../topology.ts';
import { addressOf } from './conf/redis-conf.ts';

/** File name that Redis uses, inside the node's `dir`. */
export const NODES_FILE = 'nodes.conf';

export interface ClusterNodesInput {
  readonly topology: Topology;
  readonly placement: Placement;
  /**
   * Id that is generated once per environment: two clusters whose nodes have the same ids would merge if they could
   * reach each other.
   */
  readonly clusterId: string;
  /** Node to which the file belongs. */
  readonly node: RedisNode;
}

/**
 * Returns the id of a cluster node or a sentinel: 40 hexadecimal digits, as in Redis. @param groupId id generated once
 * per environment
 */
export function redisNodeId(groupId: string, nodeId: string): string {
  return createHash('sha1').update(`${groupId}/${nodeId}`).digest('hex');
}

export function renderClusterNodes({ topology, placement, clusterId, node }: ClusterNodesInput): string {
  const { environment, redis } = topology;
  const masters = redis.filter(({ bootstrapMaster }) => bootstrapMaster);
  const lines = redis.map((each) => {
    const shard = shardOf(each);
    const { host, port } = addressOf(placement, each.id);
    const role = each.bootstrapMaster ? 'master' : 'slave';
    return [
      redisNodeId(clusterId, each.id),
      `${host}:${port}@${busAddress(environment, { host, port }).port}`,
      each.id === node.id ? `myself,${role}` : role,
      each.bootstrapMaster ? '-' : redisNodeId(clusterId, shard.master),
      // No ping sent, no pong received. Each master has its own epoch, so no new epoch has to be assigned.
      ...[0, 0, masters.findIndex(({ id }) => id === shard.master) + 1, 'connected'],
      ...(each.bootstrapMaster ? [shard.slots.join('-')] : []),
    ].join(' ');
  });
  return `${[...lines, `vars currentEpoch ${masters.length} lastVoteEpoch 0`].join('\n')}\n`;
}

function shardOf({ id, shard }: RedisNode) {
  if (shard === undefined) throw new Error(`${id} is not in a cluster`);
  return shard;
}

/**
 * Renders a nodes.conf for a node that has lost its own: the view of another node, changed so that the node with the
 * lost file is a replica.
 *
 * @param view reply of the other node to CLUSTER NODES
 * @param self id of the node
 * @param master id of the node to follow
 * @param currentEpoch current epoch of the cluster; the node does not vote in epochs up to this one, because it may
 *   already have voted
 */
export function rejoiningNodes(view: string, self: string, master: string, currentEpoch: number): string {
  const lines = view
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter(([id]) => /^[0-9a-f]{40}$/.test(id ?? ''))
    .map(([id = '', where = '', flags = '', of = '-', , , epoch = '0', , ...slots]) => {
      if (id === self) return [id, where, 'myself,slave', master, 0, 0, epoch, 'connected'].join(' ');
      // The node itself has to detect whether the other nodes are still failing.
      const kept = flags.split(',').filter((flag) => !['myself', 'fail', 'fail?'].includes(flag));
      const ranges = slots.filter((range) => !range.startsWith('['));
      return [id, where, kept.join(), of, 0, 0, epoch, 'connected', ...ranges].join(' ');
    });
  return `${[...lines, `vars currentEpoch ${currentEpoch} lastVoteEpoch ${currentEpoch}`].join('\n')}\n`;
}

/** A line of CLUSTER NODES, with the fields that the kit reads. */
export interface ClusterLine {
  readonly id: string;
  readonly address: Address;
  /** cluster-announce-hostname, if it is set. */
  readonly hostname?: string;
  /** Flags: `myself`, `master`, `slave`, `fail?`, `fail`, … */
  readonly flags: readonly string[];
  /** Id of the master that a replica follows. */
  readonly master: string | undefined;
  readonly configEpoch: number;
  /** Whether the reporting node has a connection to this node on the cluster bus; true for `myself`. */
  readonly linked: boolean;
  readonly slots: readonly SlotRange[];
  /** Slots of `myself` that are being migrated, with the id of the target. */
  readonly migrating: readonly { readonly slot: number; readonly to: string }[];
}

/** Parses the lines. @param text the reply to CLUSTER NODES */
export function parseClusterNodes(text: string): readonly ClusterLine[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter(([id]) => /^[0-9a-f]{40}$/.test(id ?? ''))
    .map(([id = '', where = '', flags = '', master = '-', , , epoch = '0', link, ...slots]) => {
      const address = where.split('@')[0] ?? '';
      const hostname = where.split(',')[1];
      return {
        id,
        address: {
          host: address.slice(0, address.lastIndexOf(':')),
          port: Number(address.slice(address.lastIndexOf(':') + 1)),
        },
        ...(hostname && { hostname }),
        flags: flags.split(','),
        master: master === '-' ? undefined : master,
        configEpoch: Number(epoch),
        linked: link === 'connected',
        slots: slots.filter((range) => !range.startsWith('[')).map(rangeOf),
        migrating: slots.flatMap((range) => {
          const [, slot, to] = /^\[(\d+)->-(\w+)\]$/.exec(range) ?? [];
          return slot === undefined || to === undefined ? [] : [{ slot: Number(slot), to }];
        }),
      };
    });
}

function rangeOf(text: string): SlotRange {
  const [first = 0, last = first] = text.split('-').map(Number);
  return [first, last];
}

/**
 * Returns the owner of each slot. If two nodes claim a slot, the higher configuration epoch wins, as it does in Redis.
 */
export function slotOwners(lines: readonly ClusterLine[]): readonly (string | undefined)[] {
  const owners: (ClusterLine | undefined)[] = Array.from({ length: CLUSTER_SLOTS }, () => undefined);
  for (const line of lines) {
    for (const [first, last] of line.slots) {
      for (let slot = first; slot <= last; slot += 1) {
        if ((owners[slot]?.configEpoch ?? -1) < line.configEpoch) owners[slot] = line;
      }
    }
  }
  return owners.map((owner) => owner?.id);
}
