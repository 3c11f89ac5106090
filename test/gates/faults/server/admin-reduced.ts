import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The admin cannot read the slow log',
  node: 'redis-2',
  user: 'admin',
  rules: ['-slowlog'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user admin may not run slowlog'],
});
