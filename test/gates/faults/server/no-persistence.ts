import { directive } from '../../server.ts';

export const fault = directive({
  what: 'A replica writes nothing to disk',
  node: 'redis-2',
  set: { appendonly: 'no', save: '' },
  rendered: 'yes',
  criterion: 'persistence',
});
