import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Replication is abandoned after 5 s of silence',
  node: 'redis-2',
  set: { 'repl-timeout': '5' },
  rendered: '60',
  criterion: 'configuration-drift',
});
