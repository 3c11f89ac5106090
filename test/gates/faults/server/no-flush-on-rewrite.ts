import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Nothing is flushed while the append-only file is rewritten',
  node: 'redis-2',
  set: { 'no-appendfsync-on-rewrite': 'yes' },
  rendered: 'no',
  criterion: 'persistence-flush',
});
