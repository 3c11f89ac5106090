import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'one get in a thousand waits longer than a second',
  drills: ['steady'],
  isTimed: true,
  criterion: 'no-long-waits',
  remedy: ['wait for a timeout', 'client.commandTimeoutMs'],
});

export const openCache = withReplacedMethods((cache) => {
  let gets = 0;
  return {
    lookup: async (key) => {
      const found = await cache.lookup<never>(key);
      if (++gets % 1_000 === 0) await sleep(1_200);
      return found;
    },
  };
});
