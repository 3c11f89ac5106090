import { clientFault, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'the metrics report a closed breaker while it is open',
  drills: ['alerting'],
  criterion: 'alerting-rules',
  remedy: ['expression of the named rule'],
});

export const openCache = withReplacedMethods((cache) => ({
  metricFamilies: () =>
    cache.metricFamilies().map((family) => ({
      ...family,
      ...(family.name === 'cache_redis_breaker_state' && {
        samples: family.samples.map((sample) => ({ ...sample, value: 0 })),
      }),
    })),
}));
