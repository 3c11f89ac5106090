import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A cut-off master accepts writes for a minute',
  node: 'redis-2',
  set: { 'min-replicas-max-lag': '60' },
  rendered: '2',
  criterion: 'lag-bound',
});
