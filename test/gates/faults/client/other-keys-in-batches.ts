import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'two values of each batch that is read are swapped',
  drills: ['batches'],
  criterion: 'right-values-batches',
  remedy: ['value of another key'],
});

export const openCache = withReplacedMethods((cache) => ({
  lookupMany: async <T>(keys: readonly string[]) => {
    const found = await cache.lookupMany<T>(keys);
    const [first = '', second = ''] = keys;
    const [a, b] = [found.get(first), found.get(second)];
    return keys.length < 2 || a === undefined || b === undefined
      ? found
      : new Map([...found, [first, b], [second, a]]);
  },
}));
