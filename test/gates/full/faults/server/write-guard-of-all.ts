import { directiveOnEveryNode } from '../../directive-on-every-node.ts';

export const fault = directiveOnEveryNode(
  {
    what: 'A master refuses writes while one replica is lost',
    drills: ['replica-crash'],
    criterion: 'replica-crash-gap',
    isTimed: true,
    remedy: ['topology.replicas - 1'],
  },
  'min-replicas-to-write',
  '2',
);
