import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'No snapshot is taken in addition to the append-only file',
  node: 'redis-3',
  set: { save: '' },
  rendered: '900 1 300 10 60 10000',
  criterion: 'configuration-drift',
});
