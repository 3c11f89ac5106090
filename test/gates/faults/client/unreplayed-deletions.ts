import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'deletions during an outage are acknowledged and never reach Redis',
  drills: ['outage-writes'],
  criterion: 'outage-writes',
  remedy: ['while Redis was unreachable'],
});

export const openCache = withReplacedMethods((cache) => ({
  delete: async (...names) => {
    const reached = await cache.ping().then(
      () => true,
      () => false,
    );
    return reached ? cache.delete(...names) : names.flat().length;
  },
}));
