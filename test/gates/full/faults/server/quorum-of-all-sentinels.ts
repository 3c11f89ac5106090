import { renderedFault } from '../../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'One lost sentinel prevents every failover',
  settings: { 'topology.quorum': 3 },
  drills: ['sentinel-loss'],
  criterion: 'failover-happens',
  remedy: ['topology.quorum'],
});
