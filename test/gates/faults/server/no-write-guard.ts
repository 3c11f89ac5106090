import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A master that is cut off accepts writes',
  node: 'redis-1',
  set: { 'min-replicas-to-write': '0' },
  rendered: '1',
  criterion: 'durability-backed',
});
