import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'A user that was not rendered needs no password',
  node: 'redis-3',
  user: 'mallory',
  rules: ['on', 'nopass', '~*', '+get'],
  criterion: 'access-passwords',
  remedy: ['redis-3: ACL SETUSER mallory resetpass'],
});
