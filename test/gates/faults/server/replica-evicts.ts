import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica evicts keys by itself',
  node: 'redis-2',
  set: { 'replica-ignore-maxmemory': 'no' },
  rendered: 'yes',
  criterion: 'replicas-read-only',
});
