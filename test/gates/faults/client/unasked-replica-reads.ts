import { openCache as openOwn } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'every cache reads from replicas',
  drills: ['replica-reads'],
  criterion: 'replica-reads',
  remedy: ['without replicaReads'],
});

export const openCache: typeof openOwn = (options) => {
  if (options.mode !== 'sentinel') return openOwn(options);
  return openOwn({ replicaReads: { maxStalenessMs: 250 }, ...options });
};
