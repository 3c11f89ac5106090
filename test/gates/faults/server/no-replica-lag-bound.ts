import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The lag of replicas is not checked before a write',
  node: 'redis-1',
  set: { 'min-replicas-max-lag': '0' },
  rendered: '2',
  criterion: 'lag-bound',
});
