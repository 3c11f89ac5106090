import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'entries live for 80 % of the TTL of their call',
  drills: ['write-paths'],
  criterion: 'ttls-kept',
  remedy: ['client.defaultTtlSeconds'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: (key, value, options = {}) => {
    const { ttlSeconds } = options;
    return cache.set(key, value, ttlSeconds ? { ...options, ttlSeconds: 0.8 * ttlSeconds } : options);
  },
}));
