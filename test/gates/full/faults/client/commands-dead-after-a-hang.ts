import { clientFault, withCallsDeadAfterFailure } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one failure the connection sends no command of the caller, while the cache continues',
  drills: ['host-loss'],
  criterion: 'failover-time-master-hang',
  isTimed: true,
  remedy: ['this is a defect of the client'],
});

export const openCache = withCallsDeadAfterFailure();
