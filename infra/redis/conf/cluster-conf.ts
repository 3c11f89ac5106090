/**
 * Settings of redis.conf for a node of a cluster, each with its reason. Pure. The slot owners are not part of it:
 * nodes.conf has them, and Redis maintains that file after the first start (`cluster-nodes.ts`).
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { type Address, busAddress, type RedisNode } from '../../topology.ts';
import type { Change } from './text.ts';

/** Empty for a node of another topology. */
export function clusterSettings(
  environment: EnvironmentConfig,
  node: RedisNode,
  self: Address,
): readonly Change[] {
  if (node.shard === undefined) return [];
  return [...membership(environment, self), ...behaviour(environment)];
}

const set = (name: string, value: string | number, reason: string): Change => ({
  name,
  args: [value],
  reason,
});

/** Identity of the node towards other nodes and clients. */
function membership(environment: EnvironmentConfig, self: Address): readonly Change[] {
  const bus = busAddress(environment, self);
  const { tls } = environment.security;
  return [
    set(
      'cluster-enabled',
      'yes',
      'Masters and slots are shared out by nodes.conf; replicaof would be refused.',
    ),
    set(
      'databases',
      1,
      'A cluster has database 0 alone; servers from 7.2 on report 1 whatever the file says.',
    ),
    set(
      'cluster-config-file',
      'nodes.conf',
      'In dir, so on the disk of the node: a restart keeps its epoch and slots.',
    ),
    set('cluster-port', bus.port, 'The bus; by default it would be the port + 10000.'),
    set(
      'cluster-announce-ip',
      self.host,
      'Never guessed from a socket: a container has an address in two networks.',
    ),
    set(
      tls ? 'cluster-announce-tls-port' : 'cluster-announce-port',
      self.port,
      'What clients are redirected to (MOVED, ASK).',
    ),
    set('cluster-announce-bus-port', bus.port, 'What the other nodes connect to.'),
    ...(tls
      ? [set('tls-cluster', 'yes', 'The bus has no password: in plain text anybody near may speak on it.')]
      : []),
  ];
}

/** Behaviour of the node when others are unreachable. */
function behaviour({ cluster }: EnvironmentConfig): readonly Change[] {
  return [
    set(
      'cluster-node-timeout',
      cluster.nodeTimeoutMs,
      'ms until a master counts as failed, and until one without a majority stops. A lost election waits four times this.',
    ),
    set(
      'cluster-require-full-coverage',
      cluster.requireFullCoverage ? 'yes' : 'no',
      'no: a shard without a master costs its own keys; yes: it stops the others, too.',
    ),
    set(
      'cluster-allow-replica-migration',
      'no',
      'The plan says who follows whom: no replica moves to another master, and no emptied master becomes a replica.',
    ),
    set(
      'cluster-allow-reads-when-down',
      'no',
      'A node that has lost the majority may be outdated: it answers CLUSTERDOWN.',
    ),
    set(
      'cluster-replica-validity-factor',
      10,
      'A replica without its master for ten node-timeouts is too old to be promoted.',
    ),
  ];
}
