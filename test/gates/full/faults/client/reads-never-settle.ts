import type { Lookup } from '../../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one read in a hundred is never answered',
  drills: ['storm'],
  criterion: 'storm-promises-settled',
  remedy: ['waits forever'],
});

export const openCache = withReplacedMethods((cache) => {
  let reads = 0;
  return {
    lookup: <T>(key: string) =>
      ++reads % 100 === 0 ? new Promise<Lookup<T>>(() => undefined) : cache.lookup<T>(key),
  };
});
