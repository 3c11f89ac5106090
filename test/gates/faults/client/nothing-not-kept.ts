import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a load without a value is repeated by every call, although negativeTtlSeconds is set',
  drills: ['single-flight'],
  criterion: 'single-flight',
  remedy: ['a load without a value'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: (key, load, { negativeTtlSeconds: _, ...options } = {}) =>
    cache.getOrComputeEntry(key, load, options),
}));
