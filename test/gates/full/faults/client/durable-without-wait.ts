import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'a durable write is acknowledged without WAIT',
  drills: ['replica-crash'],
  criterion: 'durable-confirmed',
  remedy: ['with fewer replicas than durability.durableWrites.replicas'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (key, value, { durability: _durability, ...options } = {}) => cache.set(key, value, options),
}));
