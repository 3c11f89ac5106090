import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a set is sent 12 ms after it was requested',
  drills: ['steady'],
  criterion: 'set-latency',
  isTimed: true,
  remedy: ['CPU of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (...args) => {
    await sleep(12);
    return cache.set(...args);
  },
}));
