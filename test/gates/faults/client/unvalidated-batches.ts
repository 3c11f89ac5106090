import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'getMany does not validate the values against their schema',
  drills: ['corrupt-payload'],
  criterion: 'payload-validation',
  remedy: ['schema'],
});

export const openCache = withReplacedMethods((cache) => ({
  getMany: <T>(keys: readonly string[]) => cache.getMany<T>(keys),
}));
