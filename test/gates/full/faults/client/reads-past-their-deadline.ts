import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one read in a hundred is answered after 1.2 s',
  drills: ['storm'],
  criterion: 'storm-deadlines-kept',
  remedy: ['took longer than client.commandTimeoutMs'],
});

export const openCache = withReplacedMethods((cache) => {
  let reads = 0;
  return {
    lookup: async <T>(key: string) => {
      if (++reads % 100 === 0) await sleep(1_200);
      return cache.lookup<T>(key);
    },
  };
});
