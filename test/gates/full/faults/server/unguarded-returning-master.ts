import { renderedFault } from '../../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'A deposed master that returns accepts writes until Sentinel makes it a replica',
  settings: { 'redis.minReplicasToWrite': 0, 'sentinel.watchdog': false },
  drills: ['old-master-returns'],
  criterion: 'returned-master-fenced',
  remedy: ['Keep sentinel.watchdog on'],
});
