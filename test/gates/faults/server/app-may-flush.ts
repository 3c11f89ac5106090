import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app may delete everything',
  node: 'redis-2',
  user: 'app',
  rules: ['+flushall'],
  criterion: 'access-commands',
  remedy: ['redis-2: ACL SETUSER app -flushall'],
});
