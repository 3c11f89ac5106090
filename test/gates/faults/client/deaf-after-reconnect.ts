import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'once a connection was lost, the first tier drops nothing that is overwritten',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['after a reconnect'],
});

export const openCache = withReplacedMethods((cache, options) => {
  if (options.l1 === undefined) return {};
  const tier = new Map<string, unknown>();
  let isDeaf = false;
  cache.on(({ type }) => {
    isDeaf ||= type === 'lost';
  });
  return {
    getMany: async <T>(keys: readonly string[]) => {
      const found = await cache.getMany<T>(keys);
      if (!isDeaf) return found;
      for (const [key, value] of found) tier.set(key, tier.get(key) ?? value);
      return new Map([...found.keys()].map((key) => [key, tier.get(key) as T]));
    },
  };
});
