import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica logs in to its master with another password',
  node: 'redis-2',
  set: { masterauth: 'planted-password' },
  criterion: 'configuration-drift',
  remedy: ["redis-2: masterauth is 'digest:", "rendered 'digest:"],
});
