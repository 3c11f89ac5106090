import { rendered } from '../../server-fault-builders.ts';

export const fault = rendered({
  what: 'The files need all sentinels for a failover',
  settings: { 'topology.quorum': 3 },
  criterion: 'quorum',
  remedy: ['topology.quorum'],
});
