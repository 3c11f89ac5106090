import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one load in ten waits for 600 ms',
  drills: ['rolling-replace'],
  criterion: 'rolling-replace-answered',
  isTimed: true,
  remedy: ['client.commandTimeoutMs'],
});

export const openCache = withReplacedMethods((cache) => {
  let loads = 0;
  return {
    getOrComputeEntry: async (...args) => {
      loads += 1;
      if (loads % 10 === 0) await sleep(600);
      return cache.getOrComputeEntry(...args);
    },
  };
});
