import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'delete with more than 500 keys deletes the first 500 and reports all',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['defect of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  delete: async (...names) => {
    const keys = names.flat();
    const deleted = await cache.delete(keys.slice(0, 500));
    return deleted + Math.max(0, keys.length - 500);
  },
}));
