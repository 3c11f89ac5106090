import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one asynchronous set of fifty is acknowledged and never sent',
  drills: ['replica-crash'],
  criterion: 'stall-lossless',
  remedy: ['the client acknowledged writes that it did not send'],
});

export const openCache = withReplacedMethods((cache) => {
  let sets = 0;
  return {
    set: async (key, value, options) =>
      typeof options?.durability !== 'object' && ++sets % 50 === 0
        ? { source: 'redis', replicas: 1 }
        : cache.set(key, value, options),
  };
});
