import { rendered } from '../../server-fault-builders.ts';

export const fault = rendered({
  what: 'The files let a cut-off master take writes',
  settings: { 'redis.minReplicasToWrite': 0 },
  criterion: 'durability-backed',
  remedy: ['redis.minReplicasToWrite'],
});
