import { clientFault, deadAfter } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after an operation that took longer than 300 ms no operation is answered again',
  drills: ['short-stall'],
  criterion: 'no-dead-client',
  remedy: ['does not return to Redis'],
});

export const openCache = deadAfter(({ tookMs }) => tookMs > 300);
