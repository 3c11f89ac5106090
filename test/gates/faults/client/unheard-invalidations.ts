import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the first tier never drops what another process overwrites',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['its invalidations do not arrive'],
});

export const openCache = withReplacedMethods((cache, options) => {
  if (options.l1 === undefined) return {};
  const tier = new Map<string, unknown>();
  return {
    get: async <T>(key: string) => {
      const kept = tier.get(key);
      if (kept !== undefined) return kept as T;
      const value = await cache.get<T>(key);
      tier.set(key, value);
      return value;
    },
    getMany: async <T>(keys: readonly string[]) => {
      const found = await cache.getMany<T>(keys);
      for (const [key, value] of found) tier.set(key, tier.get(key) ?? value);
      return found;
    },
  };
});
