import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'A sentinel has a user that was not rendered',
  node: 'sentinel-3',
  user: 'mallory',
  rules: ['off'],
  criterion: 'access-users',
  remedy: ['sentinel-3: ACL DELUSER mallory'],
});
