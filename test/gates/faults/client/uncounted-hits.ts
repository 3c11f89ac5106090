import { clientFault, planted } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the client counts no hits',
  drills: ['observability'],
  criterion: 'observability',
  remedy: ['metrics()'],
});

export const openCache = planted((cache) => ({
  stats: () => ({ ...cache.stats(), hits: 0 }),
}));
