import { openCache as open } from '../../../../../client/index.ts';
import { clientFault } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'the connection is not supervised',
  drills: ['sentinel-hang'],
  criterion: 'next-sentinel-asked',
  isTimed: true,
  remedy: ['keep client.supervision on'],
});

export const openCache: typeof open = (options) =>
  options.mode === 'sentinel' ? open({ ...options, supervision: false }) : open(options);
