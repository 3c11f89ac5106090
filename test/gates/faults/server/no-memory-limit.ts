import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica has no memory limit',
  node: 'redis-3',
  set: { maxmemory: '0' },
  rendered: '268435456',
  criterion: 'eviction-policy',
});
