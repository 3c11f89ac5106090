import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'expire reports success and changes nothing',
  drills: ['write-paths'],
  criterion: 'ttls-kept',
  remedy: ['The TTLs of the named keys on the master differ'],
});

export const openCache = withReplacedMethods((cache) => ({
  expire: async (key) => (await cache.exists(key)) === 1,
}));
