import { directiveOnEveryNode } from '../../directive-on-every-node.ts';

export const fault = directiveOnEveryNode(
  {
    what: 'A master without replicas accepts writes',
    drills: ['all-replicas-lost'],
    criterion: 'refused-without-replicas',
    remedy: ['Set redis.minReplicasToWrite to 1 or more'],
  },
  'min-replicas-to-write',
  '0',
);
