import { sentinelOptionFault } from '../../server-fault-builders.ts';

export const fault = sentinelOptionFault({
  what: 'A stall of 200 ms counts as the loss of a master',
  option: 'down-after-milliseconds',
  value: '200',
  rendered: '5000',
  criterion: 'failure-detection',
});
