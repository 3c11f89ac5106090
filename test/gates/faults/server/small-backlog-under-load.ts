import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'The backlog holds less than the writes of one failover',
  node: 'redis-2',
  set: { 'repl-backlog-size': '16384' },
  criterion: 'replication-buffers',
  drills: ['steady'],
  remedy: ["redis-2: repl-backlog-size is '16384': it must hold 30 s of writes at", 'KB/s'],
});
