import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Every expiry is published',
  node: 'redis-2',
  set: { 'notify-keyspace-events': 'Ex' },
  rendered: '',
  criterion: 'configuration-drift',
});
