import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'no event reports that memory serves a call in place of Redis',
  drills: ['outage-writes'],
  criterion: 'outage-writes',
  remedy: ['fallback'],
});

export const openCache = withReplacedMethods((cache) => ({
  on: (listener) =>
    cache.on((event) => {
      if (event.type !== 'fallback') listener(event);
    }),
}));
