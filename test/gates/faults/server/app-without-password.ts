import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app needs no password',
  node: 'redis-2',
  user: 'app',
  rules: ['nopass'],
  criterion: 'access-passwords',
  remedy: ['redis-2: ACL SETUSER app resetpass'],
});
