import { clientFault, withUnsentWrites } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one asynchronous set in fifty is acknowledged and never sent',
  drills: ['replica-crash'],
  criterion: 'stall-lossless',
  remedy: ['the client acknowledged writes that it did not send'],
});

export const openCache = withUnsentWrites(false);
