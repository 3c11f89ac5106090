import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'a loaded value is stored even if its lease has expired',
  drills: ['locks'],
  criterion: 'lease-fencing',
  remedy: ['value of its successor'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: async (key, load, options) => {
    const entry = await cache.getOrComputeEntry(key, load, options);
    if (entry.source === 'loader') await cache.set(key, entry.value);
    return entry;
  },
}));
