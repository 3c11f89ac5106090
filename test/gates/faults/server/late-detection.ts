import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'The loss of a master is noticed after 25 s',
  option: 'down-after-milliseconds',
  value: '25000',
  rendered: '5000',
  criterion: 'election-retry',
});
