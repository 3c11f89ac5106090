import type { Cache, Lookup } from '../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'values that were read once are always answered from memory, with the source `redis`',
  drills: ['hit-miss'],
  criterion: 'clients-served',
  remedy: ['serves from its own memory although Redis is reachable'],
});

export const openCache = withReplacedMethods((cache) => {
  const kept = new Map<string, unknown>();
  const keep = (key: string, value: unknown) => {
    kept.set(key, value);
    return value;
  };
  const lookup = async (key: string) =>
    kept.has(key)
      ? { found: true, value: kept.get(key), source: 'redis' }
      : await cache.lookup(key).then((found) => {
          if (found.found) keep(key, found.value);
          return found;
        });
  return {
    lookup: lookup as Cache['lookup'],
    set: (key, value, options) => {
      keep(key, value);
      return cache.set(key, value, options);
    },
    setMany: (entries, options) => {
      for (const [key, value] of entries) keep(key, value);
      return cache.setMany(entries, options);
    },
    lookupMany: (async (keys: readonly string[]) =>
      new Map(
        await Promise.all(keys.map(async (key) => [key, (await lookup(key)) as Lookup<unknown>] as const)),
      )) as Cache['lookupMany'],
  };
});
