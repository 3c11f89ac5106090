import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the metrics do not count stale values',
  drills: ['ttl-expiry'],
  criterion: 'ttl',
  remedy: ['not counted'],
});

export const openCache = withReplacedMethods((cache) => ({
  metrics: () => cache.metrics().replace(/^(cache_redis_stale_total\S*) .*$/gm, '$1 0'),
}));
