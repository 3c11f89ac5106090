import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'computed values are stored without an expiry',
  drills: ['zipf-100'],
  criterion: 'keys-expire',
  remedy: ['have no TTL on the master', 'client.defaultTtlSeconds'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: (key, load, options) =>
    cache.getOrComputeEntry(key, load, { ...options, ttlSeconds: null }),
}));
