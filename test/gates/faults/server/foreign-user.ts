import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'A node has a user that was not rendered',
  node: 'redis-2',
  user: 'mallory',
  rules: ['on', '>planted-password', '~*', '+get'],
  criterion: 'access-users',
  remedy: ['redis-2: ACL DELUSER mallory'],
});
