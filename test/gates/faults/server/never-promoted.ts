import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica can never be promoted',
  node: 'redis-2',
  set: { 'replica-priority': '0' },
  rendered: '100',
  criterion: 'promotion',
});
