import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one durable write of fifty is acknowledged and never sent',
  drills: ['storm'],
  criterion: 'storm-durable-kept',
  remedy: ['The client acknowledged writes that it never stored'],
});

export const openCache = withReplacedMethods((cache) => {
  let sets = 0;
  return {
    set: async (key, value, options) =>
      typeof options?.durability === 'object' && ++sets % 50 === 0
        ? { source: 'redis', replicas: 1 }
        : cache.set(key, value, options),
  };
});
