import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The server timer runs 500 times per second',
  node: 'redis-2',
  set: { hz: '500' },
  rendered: '10',
  criterion: 'configuration-drift',
});
