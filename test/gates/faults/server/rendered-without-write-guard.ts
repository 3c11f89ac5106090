import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files let a cut-off master accept writes',
  settings: { 'redis.minReplicasToWrite': 0 },
  criterion: 'durability-backed',
  remedy: ['redis.minReplicasToWrite'],
});
