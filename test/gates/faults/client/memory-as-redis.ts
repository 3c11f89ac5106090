import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'reads from memory are reported as reads from Redis',
  drills: ['master-hang'],
  criterion: 'no-stale-acknowledgement',
  remedy: ['came while the deposed master was stopped', "reports the source 'redis'"],
});

export const openCache = withReplacedMethods((cache) => ({
  lookup: async <T>(key: string) => {
    const found = await cache.lookup<T>(key);
    return found.source === 'memory' ? { ...found, source: 'redis' } : found;
  },
}));
