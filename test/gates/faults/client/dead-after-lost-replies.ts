import { clientFault, deadAfter } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after a write with an unknown outcome no operation is answered again',
  drills: ['replies-lost'],
  criterion: 'no-dead-client',
  remedy: ['does not return to Redis'],
});

export const openCache = deadAfter(({ error }) => error !== undefined);
