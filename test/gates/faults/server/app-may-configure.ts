import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app may change the configuration',
  node: 'redis-2',
  user: 'app',
  rules: ['+config|set'],
  criterion: 'access-commands',
  remedy: ['redis-2: ACL SETUSER app -config|set'],
});
