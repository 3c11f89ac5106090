import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The exporter may administer the server',
  node: 'redis-2',
  user: 'exporter',
  rules: ['+@admin'],
  criterion: 'access-commands',
  remedy: ['redis-2: ACL SETUSER exporter -'],
});
