import { rendered } from '../../server.ts';

export const fault = rendered({
  what: 'The files need all sentinels for a failover',
  settings: { 'topology.quorum': 3 },
  criterion: 'quorum',
  remedy: ['topology.quorum'],
});
