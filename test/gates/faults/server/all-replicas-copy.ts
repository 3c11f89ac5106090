import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'All replicas copy from a new master at once',
  option: 'parallel-syncs',
  value: '2',
  rendered: '1',
  criterion: 'parallel-syncs',
});
