import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A full master refuses writes instead of evicting',
  node: 'redis-1',
  set: { 'maxmemory-policy': 'noeviction' },
  rendered: 'allkeys-lru',
  criterion: 'eviction-policy',
});
