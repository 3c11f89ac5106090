import { openCache as open } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'keys have another namespace than the settings say',
  drills: ['key-versioning'],
  criterion: 'key-versioning',
  remedy: ['client.namespace'],
});

export const openCache: typeof open = (options) => open({ ...options, namespace: 'other' });
