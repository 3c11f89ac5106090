import { renderedFault } from '../../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'One hung sentinel prevents every failover',
  settings: { 'topology.quorum': 3 },
  drills: ['host-loss'],
  criterion: 'failover-happens',
  remedy: ['topology.quorum'],
});
