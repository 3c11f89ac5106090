import { clientFault, withCallsDeadAfterFailure } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one lost reply the connection sends no command of the caller, while the cache goes on',
  drills: ['replies-lost'],
  criterion: 'writes-resume',
  isTimed: true,
  remedy: ['the named kind of write', 'a defect of the client'],
});

export const openCache = withCallsDeadAfterFailure();
