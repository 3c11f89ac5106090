import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'reads from the memory fallback emit no event',
  drills: ['structured-logs'],
  criterion: 'structured-logs',
  remedy: ['logEvents'],
});

export const openCache = withReplacedMethods((cache) => ({
  on: (listener) =>
    cache.on((event) => {
      if (event.type !== 'fallback') listener(event);
    }),
}));
