/**
 * Order in which nodes are replaced: in each group the replicas, then the master after a planned switchover; the
 * sentinels last. Pure.
 */

/** A master with its replicas. */
export interface ReplicationGroup {
  readonly master: string;
  readonly replicas: readonly string[];
}

export interface RollingStep {
  readonly nodeId: string;
  /** Role before the change. */
  readonly role: 'replica' | 'master' | 'sentinel';
  /** Whether a replica is promoted before the node is replaced. */
  readonly switchesFirst: boolean;
}

/** Returns the steps. @param nodeIds nodes to replace; other nodes are left out */
export function rollingSteps(
  nodeIds: ReadonlySet<string>,
  groups: readonly ReplicationGroup[],
  sentinels: readonly string[],
): readonly RollingStep[] {
  const steps: readonly RollingStep[] = [
    ...groups.flatMap(({ master, replicas }) => [
      ...replicas.map((nodeId) => ({ nodeId, role: 'replica', switchesFirst: false }) as const),
      { nodeId: master, role: 'master', switchesFirst: replicas.length > 0 } as const,
    ]),
    ...sentinels.map((nodeId) => ({ nodeId, role: 'sentinel', switchesFirst: false }) as const),
  ];
  return steps.filter(({ nodeId }) => nodeIds.has(nodeId));
}
