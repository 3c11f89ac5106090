import { clientFault, withUnsentWrites } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one asynchronous set in fifty is acknowledged and never sent',
  drills: ['rolling-replace'],
  criterion: 'rolling-replace-lossless',
  remedy: ['Replace nodes with kit apply'],
});

export const openCache = withUnsentWrites(false);
