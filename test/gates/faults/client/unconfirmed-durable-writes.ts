import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a durable write is acknowledged without WAIT',
  drills: ['durable-writes'],
  criterion: 'durable-held',
  remedy: ['WAIT did not confirm it'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (key, value, { durability = 'async', ...options } = {}) => {
    const receipt = await cache.set(key, value, options);
    return durability === 'async' ? receipt : { ...receipt, replicas: durability.replicas };
  },
}));
