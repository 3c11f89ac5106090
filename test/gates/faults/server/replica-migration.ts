import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Replicas move to masters without one',
  group: 'cluster',
  node: 'redis-6',
  set: { 'cluster-allow-replica-migration': 'yes' },
  rendered: 'no',
  criterion: 'configuration-drift',
});
