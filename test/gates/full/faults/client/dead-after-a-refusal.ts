import { clientFault, deadAfter } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after a failed operation no operation is answered again',
  drills: ['all-replicas-lost'],
  criterion: 'no-dead-client',
  remedy: ['does not return to Redis'],
});

export const openCache = deadAfter(({ error }) => error !== undefined);
