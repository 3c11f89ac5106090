import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an invalidation by tag during an outage is reported as pending and never reaches Redis',
  drills: ['outage-writes'],
  criterion: 'outage-writes',
  isTimed: true,
  remedy: ['while Redis was unreachable', 'invalidated'],
});

export const openCache = withReplacedMethods((cache) => ({
  invalidateTags: async (...tags) => {
    const reached = await cache.ping().then(
      () => true,
      () => false,
    );
    return reached ? cache.invalidateTags(...tags) : { outcome: 'pending', deleted: 0 };
  },
}));
