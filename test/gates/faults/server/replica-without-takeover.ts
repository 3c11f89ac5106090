import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica never takes over the slots of its master',
  group: 'cluster',
  node: 'redis-5',
  set: { 'cluster-replica-no-failover': 'yes' },
  rendered: 'no',
  criterion: 'promotion',
});
