import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The append-only file is never flushed by Redis',
  node: 'redis-2',
  set: { appendfsync: 'no' },
  rendered: 'everysec',
  criterion: 'persistence-flush',
});
