import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'no event reports that an invalid payload was purged',
  drills: ['corrupt-payload'],
  criterion: 'payload-validation',
  isTimed: true,
  remedy: ['corrupt-payload drill'],
});

export const openCache = withReplacedMethods((cache) => ({
  on: (listener) =>
    cache.on((event) => {
      if (event.type !== 'purged') listener(event);
    }),
}));
