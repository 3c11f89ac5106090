import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'getEntry always returns the first value of one key in fifty',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['return old values', 'defect of the client'],
});

export const openCache = withReplacedMethods((cache) => {
  const first = new Map<string, unknown>();
  let reads = 0;
  return {
    getEntry: async <T>(key: string) => {
      type Entry = Awaited<ReturnType<typeof cache.getEntry<T>>>;
      const kept = first.get(key) as Entry;
      if (kept !== undefined) return kept;
      const entry = await cache.getEntry<T>(key);
      if (entry !== undefined && ++reads % 50 === 0) first.set(key, entry);
      return entry;
    },
  };
});
