import { clientFault, withUnsentWrites } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one in fifty warmed values is acknowledged without being sent',
  drills: ['warming'],
  criterion: 'warming',
  remedy: ['not on their masters'],
});

export const openCache = withUnsentWrites(false);
