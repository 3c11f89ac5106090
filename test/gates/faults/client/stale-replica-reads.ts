import { openCache as openOwn } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'replicas serve reads although their data is older than maxStalenessMs',
  drills: ['replica-reads'],
  criterion: 'replica-reads',
  remedy: ['older than replicaReads.maxStalenessMs'],
});

export const openCache: typeof openOwn = (options) => {
  if (options.mode !== 'sentinel' || options.replicaReads === undefined) return openOwn(options);
  return openOwn({ ...options, replicaReads: { maxStalenessMs: 5_000 } });
};
