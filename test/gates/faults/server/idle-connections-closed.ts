import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Idle connections are closed after a second',
  node: 'redis-1',
  set: { timeout: '1' },
  rendered: '0',
  criterion: 'configuration-drift',
});
