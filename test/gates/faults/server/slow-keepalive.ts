import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A dead connection is detected after an hour',
  node: 'redis-1',
  set: { 'tcp-keepalive': '3600' },
  rendered: '60',
  criterion: 'configuration-drift',
});
