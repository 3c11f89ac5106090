import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files let a cut-off master accept writes for a minute',
  settings: { 'redis.minReplicasMaxLagSeconds': 60 },
  criterion: 'lag-bound',
  remedy: ['redis.minReplicasMaxLagSeconds'],
});
