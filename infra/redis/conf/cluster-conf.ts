/**
 * Settings in the redis.conf of a cluster node, each with its reason. Pure. They do not include the slot owners, which
 * are in nodes.conf: Redis maintains that file after the first start (`cluster-nodes.ts`).
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { type Address, busAddress, type RedisNode } from '../../topology.ts';
import type { Change } from './text.ts';

/** Returns the settings; empty for a node in another topology. */
export function clusterSettings(
  environment: EnvironmentConfig,
  node: RedisNode,
  self: Address,
): readonly Change[] {
  if (node.shard === undefined) return [];
  return [...membershipChanges(environment, self), ...behaviourChanges(environment)];
}

const set = (name: string, value: string | number, reason: string): Change => ({
  name,
  args: [value],
  reason,
});

/** Returns the settings that identify the node to other nodes and clients. */
function membershipChanges(environment: EnvironmentConfig, self: Address): readonly Change[] {
  const bus = busAddress(environment, self);
  const { tls } = environment.security;
  return [
    set('cluster-enabled', 'yes', 'nodes.conf assigns roles and slots; a cluster node rejects replicaof.'),
    set('databases', 1, 'A cluster has only database 0; servers from 7.2 on always report 1.'),
    set(
      'cluster-config-file',
      'nodes.conf',
      'In dir, on the disk of the node: a restart keeps its epoch and slots.',
    ),
    set('cluster-port', bus.port, 'Port of the cluster bus; the default is port + 10000.'),
    set(
      'cluster-announce-ip',
      self.host,
      'Not derived from a socket: a container has an address in two networks.',
    ),
    set(
      tls ? 'cluster-announce-tls-port' : 'cluster-announce-port',
      self.port,
      'Address in redirections to clients (MOVED, ASK).',
    ),
    set('cluster-announce-bus-port', bus.port, 'Bus port that the other nodes connect to.'),
    ...(tls
      ? [set('tls-cluster', 'yes', 'The bus has no password: without TLS, anyone on the network can use it.')]
      : []),
  ];
}

/** Returns the settings that control how the node behaves when other nodes are unreachable. */
function behaviourChanges({ cluster }: EnvironmentConfig): readonly Change[] {
  return [
    set(
      'cluster-node-timeout',
      cluster.nodeTimeoutMs,
      'Time in ms until a master counts as failed, and until a master without a majority stops serving. A lost election is retried after four times this time.',
    ),
    set(
      'cluster-require-full-coverage',
      cluster.requireFullCoverage ? 'yes' : 'no',
      'no: a shard without a master loses only its own keys; yes: it also stops the others.',
    ),
    set(
      'cluster-allow-replica-migration',
      'no',
      'Keeps the planned roles: no replica migrates to another master, and no empty master becomes a replica.',
    ),
    set(
      'cluster-allow-reads-when-down',
      'no',
      'A node without the majority may be stale: it replies CLUSTERDOWN.',
    ),
    set(
      'cluster-replica-validity-factor',
      10,
      'A replica that was disconnected for ten node timeouts is too stale to be promoted.',
    ),
  ];
}
