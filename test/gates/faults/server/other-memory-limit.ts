import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica has a different memory limit from its master',
  node: 'redis-2',
  set: { maxmemory: '300000000' },
  rendered: '268435456',
  criterion: 'configuration-drift',
});
