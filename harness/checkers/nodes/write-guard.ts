/** Whether a master that is cut off from its replicas stops accepting writes, and how soon. */
import { directiveRule } from './directive.ts';
import type { RuleContext } from './finding.ts';

/**
 * `min-replicas-to-write` is not required in a cluster, where an isolated master stops accepting writes once it has
 * been unable to reach a majority for cluster-node-timeout.
 */
const isCluster = ({ environment }: RuleContext) => environment.topology.kind === 'cluster';

export const writeGuard = directiveRule(
  'write-guard',
  'a master that is isolated from its replicas refuses writes',
  [
    {
      directive: 'min-replicas-to-write',
      setting: 'redis.minReplicasToWrite',
      wanted: 'at least 1',
      value: '1',
      reason: 'an isolated master continues to acknowledge writes that the failover discards',
      holds: (value, about) => Number(value) >= 1 || isCluster(about),
    },
    {
      directive: 'min-replicas-to-write',
      setting: 'redis.minReplicasToWrite',
      wanted: 'at most 1, or the number of replicas minus one',
      value: '1',
      reason: 'after a failover the lost master is missing among the replicas, and every write is refused',
      holds: (value, { environment }) => Number(value) <= Math.max(1, environment.topology.replicas - 1),
    },
  ],
);
