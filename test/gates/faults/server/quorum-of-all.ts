import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'No failover while one sentinel is unreachable',
  option: 'quorum',
  value: '3',
  rendered: '2',
  criterion: 'quorum',
});
