import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'expire reports success and changes nothing',
  drills: ['write-paths'],
  criterion: 'ttls-kept',
  remedy: ['have another TTL on the master'],
});

export const openCache = withReplacedMethods((cache) => ({
  expire: async (key) => (await cache.exists(key)) === 1,
}));
