import { openCache as open } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'each process loads for itself, without a lease',
  drills: ['single-flight'],
  criterion: 'single-flight',
  remedy: ['Across processes'],
});

export const openCache: typeof open = (options) =>
  open({ ...options, compute: { ...options.compute, leaseMs: 0 } });
