import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'One sentinel deposes a healthy master',
  option: 'quorum',
  value: '1',
  rendered: '2',
  criterion: 'quorum',
});
