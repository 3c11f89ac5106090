import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Replicas of this node copy in clear text',
  group: 'encrypted',
  node: 'redis-2',
  set: { 'tls-replication': 'no' },
  rendered: 'yes',
  criterion: 'tls',
});
