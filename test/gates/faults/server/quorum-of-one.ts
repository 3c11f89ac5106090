import { sentinelOption } from '../../server-fault-builders.ts';

export const fault = sentinelOption({
  what: 'One sentinel deposes a healthy master',
  option: 'quorum',
  value: '1',
  rendered: '2',
  criterion: 'quorum',
});
