/** Limits of a rolling change, and the interruptions that it cannot avoid. Pure. */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { RollingStep } from './order.ts';

/** Settings that must be equal on all nodes at all times, or that are part of the nodes' addresses. */
const SHARED: readonly (readonly [path: string, read: (config: EnvironmentConfig) => unknown])[] = [
  ['topology.kind', ({ topology }) => topology.kind],
  ['topology.masters', ({ topology }) => topology.masters],
  ['topology.replicas', ({ topology }) => topology.replicas],
  ['topology.sentinels', ({ topology }) => topology.sentinels],
  ['topology.serviceName', ({ topology }) => topology.serviceName],
  ['redis.port', ({ redis }) => redis.port],
  ['sentinel.port', ({ sentinel }) => sentinel.port],
  ['cluster.busPort', ({ cluster }) => cluster.busPort],
  ['security.tls', ({ security }) => security.tls],
];

/** Returns the paths of changed settings that must not differ between nodes. */
export function notRolling(applied: EnvironmentConfig, asked: EnvironmentConfig): readonly string[] {
  return SHARED.filter(([, read]) => read(applied) !== read(asked)).map(([path]) => path);
}

/** Describes the interruptions that the steps cause even though they replace one node at a time. */
export function interruptions(
  { redis, durability, topology }: EnvironmentConfig,
  steps: readonly RollingStep[],
): readonly string[] {
  const alone = steps.filter(({ role, switchesFirst }) => role === 'master' && !switchesFirst);
  const others = steps.some(({ role, switchesFirst }) => role === 'replica' || switchesFirst);
  const left = topology.replicas - 1;
  const { durableWrites } = durability;
  const durable = typeof durableWrites === 'object' ? durableWrites.replicas : 0;
  return [
    ...alone.map(
      ({ nodeId }) => `${nodeId} has no replica: no reads and no writes of its data while it restarts`,
    ),
    ...(others && redis.minReplicasToWrite > left
      ? [
          `writes are rejected while a replica restarts: ${left} remain, redis.minReplicasToWrite is ${redis.minReplicasToWrite}`,
        ]
      : []),
    ...(others && durable > left && redis.minReplicasToWrite <= left
      ? [
          `durable writes fail while a replica restarts: ${left} remain, durability.durableWrites needs ${durable}`,
        ]
      : []),
  ];
}
