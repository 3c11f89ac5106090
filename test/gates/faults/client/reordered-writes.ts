import { setTimeout } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a set that is not awaited can be applied after a later one',
  drills: ['write-paths'],
  criterion: 'writes-stored',
  remedy: ['defect of the client'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (key, value, options) => {
    if (options?.tags !== undefined) await setTimeout(100);
    return cache.set(key, value, options);
  },
}));
