import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app may run scripts',
  node: 'redis-2',
  user: 'app',
  rules: ['+eval'],
  criterion: 'access-commands',
  remedy: ['redis-2: ACL SETUSER app -eval'],
});
