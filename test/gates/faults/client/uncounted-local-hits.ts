import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the client does not count hits of the first tier',
  drills: ['observability'],
  criterion: 'observability',
  isTimed: true,
  remedy: ['stats()'],
});

export const openCache = withReplacedMethods((cache) => ({
  stats: () => ({ ...cache.stats(), localHits: 0 }),
}));
