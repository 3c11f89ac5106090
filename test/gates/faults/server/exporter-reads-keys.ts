import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The exporter reads every key',
  node: 'redis-2',
  user: 'exporter',
  rules: ['~*', '+get'],
  criterion: 'access-data',
  remedy: ['redis-2: user exporter reaches the keys ~*, the commands get'],
});
