import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an invalidation by tag is acknowledged and not carried out',
  drills: ['write-paths'],
  criterion: 'deletions-done',
  remedy: ['another cache still finds entries', 'invalidation'],
});

export const openCache = withReplacedMethods(() => ({
  invalidateTags: async () => ({ outcome: 'applied', deleted: 0 }),
}));
