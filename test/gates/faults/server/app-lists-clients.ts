import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app may list the clients',
  node: 'redis-2',
  user: 'app',
  rules: ['+client|list'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user app may also run client|list'],
});
