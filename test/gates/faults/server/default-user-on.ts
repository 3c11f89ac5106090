import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The default user can log in',
  node: 'redis-1',
  user: 'default',
  rules: ['on', '>planted-password'],
  criterion: 'access-users',
  remedy: ['redis-1: ACL SETUSER default off'],
});
