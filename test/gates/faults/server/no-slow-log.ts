import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Slow commands are not logged',
  node: 'redis-1',
  set: { 'slowlog-log-slower-than': '-1' },
  rendered: '10000',
  criterion: 'configuration-drift',
});
