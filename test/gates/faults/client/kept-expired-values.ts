import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a value is returned after its expiry',
  drills: ['ttl-expiry'],
  criterion: 'ttl',
  remedy: ['client.defaultTtlSeconds'],
});

export const openCache = withReplacedMethods((cache) => {
  const last = new Map<string, unknown>();
  return {
    get: async <T>(key: string) => {
      const value = await cache.get<T>(key);
      if (value !== undefined) last.set(key, value);
      return value ?? (last.get(key) as T | undefined);
    },
  };
});
