import { clientFault, deadAfter } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after a failed operation no operation is answered again',
  drills: ['storm'],
  criterion: 'storm-clients-alive',
  remedy: ['does not return to Redis'],
});

export const openCache = deadAfter(({ error }) => error !== undefined);
