import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Commands above 1 MB are refused',
  node: 'redis-1',
  set: { 'proto-max-bulk-len': '1048576' },
  rendered: '536870912',
  criterion: 'configuration-drift',
});
