import { clientFault, withReplacedCalls } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one failure the connection sends no command of the caller, while the cache goes on',
  drills: ['host-loss'],
  criterion: 'failover-time-master-hang',
  isTimed: true,
  remedy: ['this is a defect of the client'],
});

let isDead = false;

export const openCache = withReplacedCalls(async (call) => {
  if (isDead) throw new Error('dead');
  return call().catch((error: unknown) => {
    isDead = true;
    throw error;
  });
});
