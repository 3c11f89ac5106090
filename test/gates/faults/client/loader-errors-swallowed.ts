import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'an error of the loader is not thrown to the caller: the value is null',
  drills: ['single-flight'],
  criterion: 'single-flight',
  remedy: ["loader's error did not reach"],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: <T>(...[key, load, options]: Parameters<typeof cache.getOrComputeEntry<T>>) =>
    cache.getOrComputeEntry<T>(
      key,
      async (context) => {
        try {
          return await load(context);
        } catch {
          return null as T;
        }
      },
      options,
    ),
}));
