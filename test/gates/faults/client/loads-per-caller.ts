import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'concurrent callers of one key each call the loader',
  drills: ['single-flight'],
  criterion: 'single-flight',
  remedy: ['more than once per key'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: async (key, load, options) => {
    const found = await cache.getEntry<Awaited<ReturnType<typeof load>>>(key);
    if (found !== undefined) return found;
    const context = { signal: new AbortController().signal, setTtlSeconds: () => undefined };
    const value = await load({ ...context, addTags: async () => undefined, skip: () => undefined });
    await cache.set(key, value, { ttlSeconds: options?.ttlSeconds ?? 60 });
    return { value, source: 'loader' };
  },
}));
