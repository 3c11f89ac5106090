import type { Lookup } from '../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after a failover all reads are answered from memory, with the source `redis`',
  drills: ['planned-switch'],
  criterion: 'no-dead-client',
  remedy: ['does not return to Redis'],
});

export const openCache = withReplacedMethods((cache) => {
  const written = new Map<string, unknown>();
  let hasMoved = false;
  cache.on(({ type }) => {
    if (type === 'moved') hasMoved = true;
  });
  const answer = <T>(key: string): Lookup<T> =>
    written.has(key)
      ? { found: true, value: written.get(key) as T, source: 'redis' }
      : { found: false, source: 'redis' };
  return {
    set: (key, value, options) => {
      written.set(key, value);
      return cache.set(key, value, options);
    },
    setMany: (entries, options) => {
      for (const [key, value] of entries) written.set(key, value);
      return cache.setMany(entries, options);
    },
    lookup: async <T>(key: string) => (hasMoved ? answer<T>(key) : cache.lookup<T>(key)),
    lookupMany: async <T>(keys: readonly string[]) =>
      hasMoved ? new Map(keys.map((key) => [key, answer<T>(key)])) : cache.lookupMany<T>(keys),
  };
});
