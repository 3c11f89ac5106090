import { openCache as open } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'keys have a namespace other than the configured one',
  drills: ['key-versioning'],
  criterion: 'key-versioning',
  remedy: ['client.namespace'],
});

export const openCache: typeof open = (options) => open({ ...options, namespace: 'other' });
