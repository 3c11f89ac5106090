import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files need all sentinels for a failover',
  settings: { 'topology.quorum': 3 },
  criterion: 'quorum',
  remedy: ['topology.quorum'],
});
