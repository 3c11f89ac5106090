import { clientFault, withCallsDeadAfterFailure } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one lost reply the connection sends no commands of the caller, while the cache continues',
  drills: ['replies-lost'],
  criterion: 'writes-resume',
  isTimed: true,
  remedy: ['the named kind of write', 'a defect of the client'],
});

export const openCache = withCallsDeadAfterFailure();
