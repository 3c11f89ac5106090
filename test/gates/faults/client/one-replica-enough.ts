import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a durable write is acknowledged by the first replica, regardless of the number that it requires',
  drills: ['durable-writes'],
  criterion: 'durable-held',
  remedy: ['fewer replicas than requested'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (key, value, { durability = 'async', ...options } = {}) => {
    if (durability === 'async') return cache.set(key, value, options);
    const { replicas } = durability;
    const receipt = await cache.set(key, value, { ...options, durability: { ...durability, replicas: 1 } });
    return { ...receipt, replicas };
  },
}));
