import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'close does not wait for stores in flight',
  drills: ['outage-writes'],
  criterion: 'deletions-at-close',
  isTimed: true,
  remedy: ['skipped a pending store'],
});

export const openCache = withReplacedMethods((cache) => ({
  close: async () => {
    await cache.connection?.close();
    return cache.close();
  },
}));
