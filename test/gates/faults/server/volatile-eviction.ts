import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Only keys with a TTL are evicted',
  node: 'redis-2',
  set: { 'maxmemory-policy': 'volatile-ttl' },
  rendered: 'allkeys-lru',
  criterion: 'eviction-policy',
});
