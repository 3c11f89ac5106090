/**
 * The plan of an environment: which nodes there are and how they know each other. Pure: no clock, disk or network.
 *
 * config ─▶ planTopology ─▶ Topology ─▶ a substrate gives every node an address (`Placement`) and starts it.
 *
 * Nodes are a union by role of *program*. Which Redis is master is a state of the running system, never of the plan:
 * `bootstrapMaster` is only who starts as one on empty disks.
 */
import type { EnvironmentConfig } from '../config/schema.ts';

interface NodeBase {
  /** Stable within the environment: `redis-1`, `sentinel-2`. */
  readonly id: string;
  /** 1-based among the nodes of its role. */
  readonly index: number;
}

export interface RedisNode extends NodeBase {
  readonly role: 'redis';
  readonly bootstrapMaster: boolean;
}

export interface SentinelNode extends NodeBase {
  readonly role: 'sentinel';
}

export type TopologyNode = RedisNode | SentinelNode;

export interface Topology {
  readonly environment: EnvironmentConfig;
  readonly redis: readonly RedisNode[];
  readonly sentinels: readonly SentinelNode[];
}

/** Where a node listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Every node's address, chosen by the substrate. */
export type Placement = ReadonlyMap<string, Address>;

/** Lays out the nodes that an environment asks for. Deterministic: the same configuration gives the same plan. */
export function planTopology(environment: EnvironmentConfig): Topology {
  const redis = Array.from(
    { length: environment.topology.replicas + 1 },
    (_, i): RedisNode => ({
      role: 'redis',
      id: `redis-${i + 1}`,
      index: i + 1,
      bootstrapMaster: i === 0,
    }),
  );
  const sentinels = Array.from(
    { length: environment.topology.sentinels },
    (_, i): SentinelNode => ({
      role: 'sentinel',
      id: `sentinel-${i + 1}`,
      index: i + 1,
    }),
  );
  return Object.freeze({ environment, redis: Object.freeze(redis), sentinels: Object.freeze(sentinels) });
}

/** All nodes in start order: the bootstrap master, its replicas, the sentinels. */
export function nodesOf(topology: Topology): readonly TopologyNode[] {
  return [...topology.redis, ...topology.sentinels];
}
