import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'one asynchronous set in fifty is acknowledged and never sent',
  drills: ['planned-switch'],
  criterion: 'planned-switch-lossless',
  remedy: ['no failover lost them', 'The client acknowledged writes that it never stored'],
});

export const openCache = withReplacedMethods((cache) => {
  let sets = 0;
  return {
    set: async (key, value, options) =>
      typeof options?.durability !== 'object' && ++sets % 50 === 0
        ? { source: 'redis' }
        : cache.set(key, value, options),
  };
});
