import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one read in fifty is a miss, with the source `redis`',
  drills: ['host-loss'],
  criterion: 'no-stale-acknowledgement',
  remedy: ['a defect of the client'],
});

export const openCache = withReplacedMethods((cache) => {
  let reads = 0;
  return {
    lookup: async <T>(key: string) =>
      ++reads % 50 === 0 ? { found: false, source: 'redis' } : cache.lookup<T>(key),
  };
});
