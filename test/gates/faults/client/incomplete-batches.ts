import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a read of more than 50 keys leaves one out',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['return old values', 'defect of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  getMany: async <T>(keys: readonly string[]) => {
    const values = new Map(await cache.getMany<T>(keys));
    if (keys.length > 50) values.delete(keys.at(-1) as string);
    return values;
  },
}));
