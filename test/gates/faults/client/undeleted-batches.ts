import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'delete with several keys deletes the first one and reports all',
  drills: ['write-paths'],
  criterion: 'deletions-done',
  remedy: ['the master still has keys'],
});

export const openCache = withReplacedMethods((cache) => ({
  delete: async (...names) => {
    const keys = names.flat();
    const [first] = keys;
    if (first === undefined) return 0;
    await cache.delete(first);
    return keys.length;
  },
}));
