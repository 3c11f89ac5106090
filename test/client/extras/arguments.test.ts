/**
 * Wrong arguments to the extras, as plain JavaScript can pass them. The ConfigurationError names the argument and the
 * expected value.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { CacheAnalytics, estimateSavings } from '../../../client/extras/analytics/index.ts';
import { healthCheck, healthHandler } from '../../../client/extras/health.ts';
import { llmCache } from '../../../client/extras/llm.ts';
import { logEvents } from '../../../client/extras/log.ts';
import { collectMetrics, registerMetrics, renderMetrics } from '../../../client/extras/metrics/index.ts';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { withTelemetry } from '../../../client/extras/telemetry.ts';
import { readThrough, writeThrough } from '../../../client/extras/through/read-write.ts';
import { writeBehind } from '../../../client/extras/through/write-behind.ts';
import { CacheWarmer, defaultStrategies } from '../../../client/extras/warming/index.ts';
import { wrap } from '../../../client/extras/wrap.ts';
import { ConfigurationError, memoryCache } from '../../../client/index.ts';

const cache = memoryCache();
afterAll(() => cache.close());
/** A value of the wrong type, as JavaScript can pass it. */
const wrong = (value?: unknown): never => value as never;
const source = { load: async () => 1, store: async () => {} };
const registry = { registerMetric() {} };

const CACHE =
  "cache: must be a cache, such as the result of redisCache(); got 'redis://127.0.0.1'".replaceAll("'", '"');
const URL_TEXT = wrong('redis://127.0.0.1');

describe('a wrong argument causes a ConfigurationError', () => {
  it.each<readonly [name: string, call: () => unknown, message: string]>([
    [
      'registerMetrics: no registry',
      () => registerMetrics(cache, wrong()),
      'registry: must be a prom-client registry; got undefined',
    ],
    [
      'registerMetrics: another object',
      () => registerMetrics(cache, wrong({})),
      'registry: must be a prom-client registry; has no method registerMetric',
    ],
    ['registerMetrics: no cache', () => registerMetrics(URL_TEXT, registry), CACHE],
    [
      'registerMetrics: sources',
      () => registerMetrics(cache, registry, wrong([{}])),
      'sources: must be a list of metric sources, such as a CacheWarmer; has no method families',
    ],
    [
      'registerMetrics: one source',
      () => registerMetrics(cache, registry, wrong({})),
      'sources: must be a list, got [object Object]',
    ],
    ['collectMetrics: no cache', () => collectMetrics(URL_TEXT), CACHE],
    [
      'collectMetrics: nothing',
      () => collectMetrics(wrong()),
      'cache: must be a cache, such as the result of redisCache(); got undefined',
    ],
    [
      'collectMetrics: a list with null',
      () => collectMetrics(wrong([null])),
      'cache: must be a cache, such as the result of redisCache(); got null',
    ],
    ['renderMetrics: no list', () => renderMetrics(wrong(cache)), 'caches: must be a list'],
    ['renderMetrics: nothing', () => renderMetrics(wrong()), 'caches: must be a list of caches'],
    ['healthCheck', () => healthCheck(URL_TEXT), CACHE],
    ['healthHandler', () => healthHandler(URL_TEXT), CACHE],
    ['llmCache', () => llmCache(URL_TEXT), CACHE],
    ['llmCache: no request', () => llmCache(cache).keyOf(wrong()), 'request: must be given'],
    ['logEvents: no cache', () => logEvents(URL_TEXT, () => {}), CACHE],
    ['logEvents: no function', () => logEvents(cache, wrong()), 'write: must be a function, got undefined'],
    ['SharedStatistics', () => new SharedStatistics(URL_TEXT), CACHE],
    ['CacheAnalytics', () => new CacheAnalytics(URL_TEXT), CACHE],
    [
      'CacheAnalytics: groupOf',
      () => new CacheAnalytics(cache, { groupOf: wrong('domain') }),
      'groupOf: must be a function, got "domain"',
    ],
    ['estimateSavings', () => estimateSavings(wrong()), 'input: must be given'],
    ['withTelemetry: no cache', () => withTelemetry(URL_TEXT, {}), CACHE],
    ['withTelemetry: no options', () => withTelemetry(cache, wrong()), 'options: must be given'],
    [
      'withTelemetry: tracer',
      () => withTelemetry(cache, { tracer: wrong({}) }),
      'tracer: must be an OpenTelemetry tracer; has no method startActiveSpan',
    ],
    [
      'withTelemetry: meter',
      () => withTelemetry(cache, { meter: wrong('m') }),
      'meter: must be an OpenTelemetry meter; got "m"',
    ],
    ['readThrough: no cache', () => readThrough(URL_TEXT, source), CACHE],
    [
      'readThrough: a function',
      () =>
        readThrough(
          cache,
          wrong(() => 1),
        ),
      'source: must be a source with a method load; has no method load',
    ],
    [
      'writeThrough',
      () => writeThrough(cache, wrong({ load: source.load })),
      'source: must be a source with the methods load and store; has no method store',
    ],
    [
      'writeBehind',
      () => writeBehind(cache, wrong()),
      'source: must be a source with the methods load and store; got undefined',
    ],
    ['CacheWarmer: no cache', () => new CacheWarmer(URL_TEXT), CACHE],
    ['CacheWarmer: one strategy', () => new CacheWarmer(cache, wrong({})), 'strategies: must be a list'],
    [
      'CacheWarmer: an empty place',
      () => new CacheWarmer(cache, wrong([undefined])),
      'strategy: must be given',
    ],
    ['defaultStrategies', () => defaultStrategies(wrong()), 'generators: must be given'],
    [
      'wrap: no function',
      () => wrap(wrong(), { cache, domain: 'd' }),
      'fn: must be a function, got undefined',
    ],
    ['wrap: no options', () => wrap(() => 1, wrong()), 'options: must be given'],
    [
      'wrap: no cache',
      () => wrap(() => 1, wrong({ domain: 'd' })),
      'cache: must be a cache, such as the result of redisCache(); got undefined',
    ],
  ])('%s', async (_, call, message) => {
    const thrown = await (async () => call())().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ConfigurationError);
    expect((thrown as Error).message).toContain(message);
  });
});
