import { directive } from '../../server-fault-builders.ts';

export const fault = directive({
  what: 'Nothing is flushed while the append-only file is rewritten',
  node: 'redis-2',
  set: { 'no-appendfsync-on-rewrite': 'yes' },
  rendered: 'no',
  criterion: 'persistence-flush',
});
