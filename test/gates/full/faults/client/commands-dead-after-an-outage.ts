import { clientFault, withCallsDeadAfterFailure } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one failure the connection sends no command of the caller, while the cache continues',
  drills: ['outage'],
  criterion: 'writes-resume',
  isTimed: true,
  remedy: ['the named kind of write'],
});

export const openCache = withCallsDeadAfterFailure();
