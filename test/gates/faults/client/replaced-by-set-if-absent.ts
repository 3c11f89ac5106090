import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'setIfAbsent replaces an existing value',
  drills: ['hit-miss'],
  criterion: 'interface',
  isTimed: true,
  remedy: ['hit-miss drill'],
});

export const openCache = withReplacedMethods((cache) => ({
  setIfAbsent: async (key, value, options) => {
    await cache.set(key, value, options);
    return true;
  },
}));
