import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a stale value is returned for an hour, regardless of its window',
  drills: ['ttl-expiry'],
  criterion: 'ttl',
  remedy: ['beyond its window', 'defect of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: (key, load, options) =>
    cache.getOrComputeEntry(key, load, {
      ...options,
      ...(options?.staleWhileRevalidateSeconds !== undefined && { staleWhileRevalidateSeconds: 3_600 }),
    }),
}));
