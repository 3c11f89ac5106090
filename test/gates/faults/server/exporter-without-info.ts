import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The exporter cannot read metrics',
  node: 'redis-2',
  user: 'exporter',
  rules: ['-info'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user exporter may not run info'],
});
