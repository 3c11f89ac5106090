import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A node of a broken cluster answers reads',
  group: 'cluster',
  node: 'redis-1',
  set: { 'cluster-allow-reads-when-down': 'yes' },
  rendered: 'no',
  criterion: 'configuration-drift',
});
