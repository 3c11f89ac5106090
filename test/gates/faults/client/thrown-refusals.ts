import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an error reply to the store of a loaded value is thrown to the caller',
  drills: ['refusals'],
  criterion: 'refusals',
  remedy: ['reached a caller of getOrCompute'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrCompute: async (key, load, options) => {
    const before = cache.stats().refusals;
    const value = await cache.getOrCompute(key, load, options);
    if (cache.stats().refusals > before) throw new Error('NOREPLICAS Not enough good replicas to write.');
    return value;
  },
}));
