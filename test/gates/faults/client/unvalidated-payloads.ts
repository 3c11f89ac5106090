import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'reads are not validated against their schema',
  drills: ['corrupt-payload'],
  criterion: 'payload-validation',
  remedy: ['schema'],
});

export const openCache = withReplacedMethods((cache) => ({
  get: async <T>(key: string) => cache.get<T>(key),
  getOrCompute: (key, load, { schema: _schema, ...options } = {}) => cache.getOrCompute(key, load, options),
}));
