import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the loader is called twice for each missing key',
  drills: ['single-flight'],
  criterion: 'single-flight',
  remedy: ['more than once per key'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: (key, load, options) =>
    cache.getOrComputeEntry(
      key,
      async (context) => {
        await load(context);
        return load(context);
      },
      options,
    ),
}));
