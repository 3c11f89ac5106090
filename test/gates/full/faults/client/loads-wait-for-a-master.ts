import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'a load waits for 600 ms while the connection is lost',
  drills: ['outage'],
  criterion: 'compute-answered',
  isTimed: true,
  remedy: ['client.commandTimeoutMs'],
});

export const openCache = withReplacedMethods((cache) => {
  let isLost = false;
  cache.on(({ type }) => {
    if (type === 'lost') isLost = true;
    if (type === 'ready') isLost = false;
  });
  return {
    getOrComputeEntry: async (...args) => {
      if (isLost) await sleep(600);
      return cache.getOrComputeEntry(...args);
    },
  };
});
