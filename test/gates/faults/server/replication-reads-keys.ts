import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The replication user reaches every key',
  node: 'redis-2',
  user: 'replication',
  rules: ['~*'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user replication has the keys ~*'],
});
