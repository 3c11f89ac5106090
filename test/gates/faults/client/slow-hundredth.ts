import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: '0.9 % of reads take 950 ms longer',
  drills: ['steady'],
  criterion: 'operation-slowest',
  isTimed: true,
  remedy: ['far longer than others', 'defect of the client'],
});

export const openCache = withReplacedMethods((cache) => {
  let reads = 0;
  return {
    lookup: async <T>(key: string) => {
      reads++;
      // 9 of 1,000 reads, evenly distributed.
      if ((reads * 9) % 1_000 < 9) await sleep(950);
      return cache.lookup<T>(key);
    },
  };
});
