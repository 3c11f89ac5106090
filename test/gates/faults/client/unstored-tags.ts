import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'getOrCompute stores values without their tags',
  drills: ['write-paths'],
  criterion: 'deletions-done',
  remedy: ['another cache still finds entries', 'tags'],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrCompute: (key, load, { tags: _tags, ...options } = {}) => cache.getOrCompute(key, load, options),
}));
