import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app may run every dangerous command',
  node: 'redis-1',
  user: 'app',
  rules: ['+@dangerous'],
  criterion: 'access-commands',
  remedy: ['redis-1: ACL SETUSER app -'],
});
