import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the client counts no hits',
  drills: ['observability'],
  criterion: 'observability',
  isTimed: true,
  remedy: ['metrics()'],
});

export const openCache = withReplacedMethods((cache) => ({
  stats: () => ({ ...cache.stats(), hits: 0 }),
}));
