import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The latency monitor is off',
  node: 'redis-3',
  set: { 'latency-monitor-threshold': '0' },
  rendered: '100',
  criterion: 'configuration-drift',
});
