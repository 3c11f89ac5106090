import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an invalidation by several tags applies to the first one only',
  drills: ['write-paths'],
  criterion: 'deletions-done',
  remedy: ['another cache still finds entries', 'tags'],
});

export const openCache = withReplacedMethods((cache) => ({
  invalidateTags: (...tags) => cache.invalidateTags(...tags.flat().slice(0, 1)),
}));
