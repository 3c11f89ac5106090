import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'after a failover one set in ten goes to the memory fallback',
  drills: ['sentinel-loss'],
  criterion: 'served-after-recovery',
  isTimed: true,
  remedy: ['Writes still go to the memory fallback'],
});

export const openCache = withReplacedMethods((cache) => {
  let hasMoved = false;
  let sets = 0;
  cache.on(({ type }) => {
    if (type === 'moved') hasMoved = true;
  });
  return {
    set: async (key, value, options) =>
      hasMoved && ++sets % 10 === 0 ? { source: 'memory' } : cache.set(key, value, options),
  };
});
