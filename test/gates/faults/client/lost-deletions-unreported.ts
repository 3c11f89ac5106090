import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'close reports no lost deletions',
  drills: ['outage-writes'],
  criterion: 'deletions-at-close',
  remedy: ['did not report lost deletions', 'deletions-lost'],
});

export const openCache = withReplacedMethods((cache) => ({
  close: async () => ({ ...(await cache.close()), lost: [] }),
  on: (listener) =>
    cache.on((event) => {
      if (event.type !== 'deletions-lost') listener(event);
    }),
}));
