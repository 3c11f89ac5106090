import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A shard that is down stops the others',
  group: 'cluster',
  node: 'redis-4',
  set: { 'cluster-require-full-coverage': 'yes' },
  rendered: 'no',
  criterion: 'configuration-drift',
});
