import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'setMany of 100 keys or more is acknowledged and writes nothing',
  drills: ['write-paths'],
  criterion: 'writes-stored',
  remedy: ['values are missing or different'],
});

export const openCache = withReplacedMethods((cache) => ({
  setMany: async (entries, options) =>
    entries.size >= 100 ? { source: 'redis' } : cache.setMany(entries, options),
}));
