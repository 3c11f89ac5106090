import { rendered } from '../../server-fault-builders.ts';

export const fault = rendered({
  what: 'The files let a cut-off master take writes for a minute',
  settings: { 'redis.minReplicasMaxLagSeconds': 60 },
  criterion: 'lag-bound',
  remedy: ['redis.minReplicasMaxLagSeconds'],
});
