import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

const LONGEST = 1_024;

export const fault = clientFault({
  what: 'set cuts texts after 1,024 characters',
  drills: ['write-paths'],
  criterion: 'writes-stored',
  remedy: ['values are missing or different'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: (key, value, options) =>
    cache.set<unknown>(key, typeof value === 'string' ? value.slice(0, LONGEST) : value, options),
}));
