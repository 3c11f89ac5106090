import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'After a failover no write is accepted until every replica is back',
  node: 'redis-2',
  set: { 'min-replicas-to-write': '2' },
  rendered: '1',
  criterion: 'durability-backed',
});
