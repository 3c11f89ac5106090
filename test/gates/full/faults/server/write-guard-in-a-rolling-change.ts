import { directiveOnEveryNode } from '../../directive-on-every-node.ts';

export const fault = directiveOnEveryNode(
  {
    what: 'A master refuses writes while a replica is restarted',
    drills: ['rolling-replace'],
    criterion: 'rolling-replace-gap',
    isTimed: true,
    remedy: ['redis.minReplicasToWrite'],
  },
  'min-replicas-to-write',
  '2',
);
