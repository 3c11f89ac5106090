import type { WriteOptions } from '../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'keys of three families are written without an expiry',
  drills: ['write-paths'],
  criterion: 'ttls-kept',
  remedy: ['fill the memory', 'client.defaultTtlSeconds'],
});

const without = (key: string, options?: WriteOptions): WriteOptions | undefined =>
  /^(session|response|s):/.test(key) ? { ...options, ttlSeconds: null } : options;

export const openCache = withReplacedMethods((cache) => ({
  set: (key, value, options) => cache.set(key, value, without(key, options)),
}));
