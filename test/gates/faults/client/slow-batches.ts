import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a batch is sent 60 ms after it was requested',
  drills: ['batches'],
  isTimed: true,
  criterion: 'batch-get-latency',
  remedy: ['value sizes'],
});

export const openCache = withReplacedMethods((cache) => ({
  lookupMany: async (keys) => {
    await sleep(60);
    return cache.lookupMany<never>(keys);
  },
}));
