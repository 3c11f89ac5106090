import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Deletions block the server',
  node: 'redis-2',
  set: { 'lazyfree-lazy-user-del': 'no' },
  rendered: 'yes',
  criterion: 'configuration-drift',
});
