import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The loss of a node is noticed after 15 s',
  group: 'cluster',
  node: 'redis-3',
  set: { 'cluster-node-timeout': '15000' },
  rendered: '2000',
  criterion: 'election-retry',
});
