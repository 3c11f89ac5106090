/**
 * Plan of an environment: its nodes and their relations. Pure: no clock, disk or network.
 *
 * config ─▶ planTopology ─▶ Topology ─▶ a substrate gives every node an address (`Placement`) and starts it.
 *
 * Nodes are a discriminated union by *program*. The current master is a state of the running system, never of the plan:
 * `bootstrapMaster` only starts as master on empty disks.
 */
import { placeNodes } from '../config/host-placement.ts';
import type { EnvironmentConfig } from '../config/schema.ts';

interface NodeBase {
  /** Id, stable within the environment: `redis-1`, `sentinel-2`. */
  readonly id: string;
  /** Number of the node among the nodes with its role, from 1. */
  readonly index: number;
  /** Name of the host on which the node is placed; absent without `hosts`. */
  readonly host?: string;
}

export interface RedisNode extends NodeBase {
  readonly role: 'redis';
  readonly bootstrapMaster: boolean;
  /** Initial shard of the node in a cluster; absent in every other topology. */
  readonly shard?: ShardPlan;
}

/** Range of slots; both ends are inclusive. */
export type SlotRange = readonly [first: number, last: number];

/** A range of slots with its initial master. */
export interface ShardPlan {
  readonly slots: SlotRange;
  /** Id of the bootstrap master. */
  readonly master: string;
}

export const CLUSTER_SLOTS = 16_384;
/** Id of the watchdog, for faults and logs. */
export const WATCHDOG_ID = 'watchdog';

/**
 * Interval, in ms, at which sentinels send PING if `sentinel.fast` is set. Measured: see
 * docs/decisions/080-fast-detection.md.
 */
const FAST_PING_MS = 100;

export interface SentinelNode extends NodeBase {
  readonly role: 'sentinel';
}

/**
 * Process that demotes a deposed master to a replica. It is not a node: nothing connects to it, and it holds no data.
 */
export interface Watchdog {
  readonly id: 'watchdog';
  /** Interval at which sentinels send PING, in ms, if the watchdog sets it. */
  readonly pingPeriodMs: number | undefined;
}

export type TopologyNode = RedisNode | SentinelNode;

export interface Topology {
  readonly environment: EnvironmentConfig;
  readonly redis: readonly RedisNode[];
  readonly sentinels: readonly SentinelNode[];
  /** Watchdog; absent if there are no sentinels, or if the configuration disables it. */
  readonly watchdog?: Watchdog;
}

/** Address at which a node listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Formats an address as `127.0.0.1:6379`. */
export function hostAndPort({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** Every node's address, chosen by the substrate. */
export type Placement = ReadonlyMap<string, Address>;

/** Returns the interval at which sentinels send PING, in ms, if the watchdog sets it. */
export function pingPeriodOf({ sentinel }: EnvironmentConfig): number | undefined {
  return sentinel.pingPeriodMs ?? (sentinel.fast ? FAST_PING_MS : undefined);
}

/** Plans the nodes of an environment. Deterministic: the same configuration gives the same plan. */
export function planTopology(environment: EnvironmentConfig): Topology {
  const placed = placeNodes(environment);
  const withHost = <N extends TopologyNode>(node: N): N => {
    const host = placed.get(node.id);
    return host === undefined ? node : { ...node, host };
  };
  const redis = (
    environment.topology.kind === 'cluster' ? clusterNodes(environment) : replicationGroup(environment)
  ).map(withHost);
  const sentinels = Array.from(
    { length: environment.topology.sentinels },
    (_, i): SentinelNode =>
      withHost({
        role: 'sentinel',
        id: `sentinel-${i + 1}`,
        index: i + 1,
      }),
  );
  const { watchdog: isEnabled } = environment.sentinel;
  const pingPeriodMs = pingPeriodOf(environment);
  return Object.freeze({
    environment,
    redis: Object.freeze(redis),
    sentinels: Object.freeze(sentinels),
    ...(isEnabled && sentinels.length > 0 && { watchdog: Object.freeze({ id: WATCHDOG_ID, pingPeriodMs }) }),
  });
}

/** Plans a master and its replicas. */
function replicationGroup(environment: EnvironmentConfig): RedisNode[] {
  return Array.from(
    { length: environment.topology.replicas + 1 },
    (_, i): RedisNode => ({
      role: 'redis',
      id: `redis-${i + 1}`,
      index: i + 1,
      bootstrapMaster: i === 0,
    }),
  );
}

/**
 * Plans all masters, then one replica of each, then the next replica of each: with three masters, `redis-4` is a
 * replica of `redis-1`.
 */
function clusterNodes({ topology: { masters, replicas } }: EnvironmentConfig): RedisNode[] {
  const bound = (shard: number) => Math.round((shard * CLUSTER_SLOTS) / masters);
  return Array.from({ length: masters * (1 + replicas) }, (_, i): RedisNode => {
    const shard = i % masters;
    return {
      role: 'redis',
      id: `redis-${i + 1}`,
      index: i + 1,
      bootstrapMaster: i < masters,
      shard: Object.freeze({
        slots: [bound(shard), bound(shard + 1) - 1] as const,
        master: `redis-${shard + 1}`,
      }),
    };
  });
}

/**
 * Returns the address of a node on the cluster bus. The offset from the first bus port equals the offset of the node's
 * port from the first port.
 */
export function busAddress({ redis, cluster }: EnvironmentConfig, { host, port }: Address): Address {
  return { host, port: cluster.busPort + port - redis.port };
}

/** Returns all nodes in start order: the bootstrap masters, their replicas, the sentinels. */
export function nodesOf(topology: Topology): readonly TopologyNode[] {
  return [...topology.redis, ...topology.sentinels];
}
