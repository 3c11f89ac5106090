import type { Lookup } from '../../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one read in fifty returns the value of the key that was read before',
  drills: ['old-master-returns'],
  criterion: 'right-values-under-faults',
  remedy: ['A wrong value was returned'],
});

export const openCache = withReplacedMethods((cache) => {
  let reads = 0;
  let previous: Lookup<unknown> | undefined;
  return {
    lookup: async <T>(key: string) => {
      const found = await cache.lookup<T>(key);
      const other = previous;
      previous = found;
      return found.found && other?.found && ++reads % 50 === 0
        ? { ...found, value: other.value as T }
        : found;
    },
  };
});
