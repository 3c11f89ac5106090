import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'A second set of permissions lets the app debug',
  node: 'redis-2',
  user: 'app',
  rules: ['(~* +debug)'],
  criterion: 'access-commands',
  remedy: ['redis-2: ACL SETUSER app -debug'],
});
