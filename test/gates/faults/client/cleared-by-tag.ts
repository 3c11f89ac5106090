import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an invalidation by tag removes all entries',
  drills: ['write-paths'],
  criterion: 'deletions-done',
  remedy: ['other entries are missing'],
});

export const openCache = withReplacedMethods((cache) => ({
  invalidateTags: async () => ({ outcome: 'applied', deleted: await cache.clear() }),
}));
