import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'ttl reports milliseconds instead of seconds',
  drills: ['write-paths'],
  criterion: 'ttls-kept',
  remedy: ['reports'],
});

export const openCache = withReplacedMethods((cache) => ({
  ttl: async (key) => {
    const ttlSeconds = await cache.ttl(key);
    return typeof ttlSeconds === 'number' ? ttlSeconds * 1_000 : ttlSeconds;
  },
}));
