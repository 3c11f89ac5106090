import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica accepts writes of clients',
  node: 'redis-2',
  set: { 'replica-read-only': 'no' },
  rendered: 'yes',
  criterion: 'replicas-read-only',
});
