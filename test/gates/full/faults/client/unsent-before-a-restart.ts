import { clientFault, withUnsentWrites } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one asynchronous set in fifty is acknowledged and never sent',
  drills: ['bounce'],
  criterion: 'async-within-window',
  remedy: ['The client acknowledged writes that it never stored'],
});

export const openCache = withUnsentWrites(false);
