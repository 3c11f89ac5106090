import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica writes nothing to disk',
  node: 'redis-2',
  set: { appendonly: 'no', save: '' },
  rendered: 'yes',
  criterion: 'persistence',
});
