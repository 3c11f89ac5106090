import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'A lost election is retried after two minutes',
  option: 'failover-timeout',
  value: '60000',
  rendered: '5000',
  criterion: 'election-retry',
});
