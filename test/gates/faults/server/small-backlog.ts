import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The replication backlog holds 16 KB',
  node: 'redis-2',
  set: { 'repl-backlog-size': '16384' },
  rendered: '16777216',
  criterion: 'configuration-drift',
});
