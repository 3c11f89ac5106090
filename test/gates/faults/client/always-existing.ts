import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'exists counts keys that were deleted',
  drills: ['coherence'],
  criterion: 'coherent-tiers',
  remedy: ['defect of the client'],
});

export const openCache = withReplacedMethods(() => ({
  exists: async (...names) => names.flat().length,
}));
