import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'getOrComputeMany returns loaded values without storing them',
  drills: ['write-paths'],
  criterion: 'writes-stored',
  remedy: ['defect of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeMany: (keys, load, options) =>
    cache.getOrComputeMany(
      keys,
      (missing, context) => {
        context.skip();
        return load(missing, context);
      },
      options,
    ),
}));
