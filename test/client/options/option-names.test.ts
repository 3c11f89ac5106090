/**
 * Every function with options rejects unknown option names, even in plain JavaScript, and the error suggests the likely
 * name.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../../client/envelope.ts';
import { CacheAnalytics, estimateSavings } from '../../../client/extras/analytics/index.ts';
import { healthCheck, healthHandler } from '../../../client/extras/health.ts';
import { llmCache } from '../../../client/extras/llm.ts';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { withTelemetry } from '../../../client/extras/telemetry.ts';
import { readThrough, writeThrough } from '../../../client/extras/through/read-write.ts';
import { writeBehind } from '../../../client/extras/through/write-behind.ts';
import { CacheWarmer, defaultStrategies } from '../../../client/extras/warming/index.ts';
import { wrap } from '../../../client/extras/wrap.ts';
import {
  buildKey,
  buildResponseKey,
  buildVectorKey,
  ConfigurationError,
  clusterCache,
  connect,
  memoryCache,
  openCache,
  redisCache,
  sentinelCache,
  tieredCache,
} from '../../../client/index.ts';

const address = { host: '127.0.0.1', port: 1 };
const [sentinels, nodes] = [[address], [address]];
const cache = memoryCache();
afterAll(async () => {
  await cache.close();
});
const source = { load: () => 1, store: () => {} };

/** Calls without type checks, as in JavaScript. */
const PLACES: [name: string, call: (options: never) => unknown, path?: string][] = [
  ['redisCache', redisCache],
  ['sentinelCache', (options: object) => sentinelCache({ sentinels, ...options })],
  ['clusterCache', (options: object) => clusterCache({ nodes, ...options })],
  ['memoryCache', memoryCache],
  ['tieredCache', tieredCache],
  ['tieredCache with a mode', (options: object) => tieredCache({ mode: 'cluster', nodes, ...options })],
  ['openCache', (options: object) => openCache({ mode: 'standalone', address, ...options })],
  ['connect', (options: object) => connect({ mode: 'sentinel', sentinels, ...options })],
  ['breaker', (breaker) => memoryCache({ breaker }), 'breaker'],
  ['breaker.sampling', (sampling) => memoryCache({ breaker: { sampling } }), 'breaker.sampling'],
  ['l1', (l1) => memoryCache({ l1 }), 'l1'],
  ['compute', (compute) => memoryCache({ compute }), 'compute'],
  ['scripting', (scripting) => memoryCache({ scripting }), 'scripting'],
  ['durability', (durability) => memoryCache({ durability }), 'durability'],
  ['codecs', (rule) => memoryCache({ codecs: [rule] }), 'codecs[0]'],
  ['tls', (tls) => redisCache({ tls }), 'tls'],
  ['address', (given) => redisCache({ address: given }), 'address'],
  ['sentinels', (given) => sentinelCache({ sentinels: [given] }), 'sentinels[0]'],
  ['nodes', (given) => clusterCache({ nodes: [given] }), 'nodes[0]'],
  ['natMap', (given) => clusterCache({ nodes, natMap: { 'a:1': given } }), 'natMap["a:1"]'],
  ['replicaReads', (replicaReads) => clusterCache({ nodes, replicaReads }), 'replicaReads'],
  ['get', (options) => cache.get('absent', options)],
  ['getEntry', (options) => cache.getEntry('absent', options)],
  ['lookup', (options) => cache.lookup('absent', options)],
  ['getMany', (options) => cache.getMany(['absent'], options)],
  ['lookupMany', (options) => cache.lookupMany(['absent'], options)],
  ['getWithTtl', (options) => cache.getWithTtl('absent', options)],
  ['set', (options) => cache.set('k', 1, options)],
  ['the durability of a set', (durability) => cache.set('k', 1, { durability }), 'durability'],
  ['setMany', (options) => cache.setMany(new Map([['k', 1]]), options)],
  ['setIfAbsent', (options) => cache.setIfAbsent('absent', 1, options)],
  ['getOrCompute', (options) => cache.getOrCompute('absent', () => 1, options)],
  ['getOrComputeEntry', (options) => cache.getOrComputeEntry('absent', () => 1, options)],
  ['getOrComputeMany', (options) => cache.getOrComputeMany(['absent'], () => new Map(), options)],
  ['invalidate', (outdated) => cache.invalidation.invalidate(outdated)],
  [
    'a mapping of an event',
    (outdated) => {
      cache.invalidation.on('e', () => outdated);
      return cache.invalidation.emit('e');
    },
    'mapping of e',
  ],
  ['buildKey', (options) => buildKey('d', 1, options)],
  ['buildVectorKey', (options) => buildVectorKey({ namespace: 'n', vector: [1], topK: 1 }, options)],
  [
    'a vector search',
    (search: object) => buildVectorKey({ namespace: 'n', vector: [1], topK: 1, ...search }),
    'search',
  ],
  ['wrap', (options: object) => wrap(() => 1, { cache, domain: 'd', ...options })],
  ['readThrough', (options) => readThrough(cache, source, options)],
  ['writeThrough', (options) => writeThrough(cache, source, options)],
  ['writeBehind', (options) => writeBehind(cache, source, options)],
  [
    'a strategy',
    (strategy: object) => new CacheWarmer(cache, [{ name: 's', generate: () => [], ...strategy }]),
    'strategy',
  ],
  ['defaultStrategies', defaultStrategies, 'generators'],
  ['llmCache', (options) => llmCache(cache, options)],
  [
    'a question',
    (request: object) => llmCache(cache).keyOf({ model: 'm', prompt: 'p', ...request }),
    'request',
  ],
  ['healthCheck', (options) => healthCheck(cache, options)],
  ['healthHandler', (options) => healthHandler(cache, options)],
  ['CacheAnalytics', (options) => new CacheAnalytics(cache, options)],
  ['SharedStatistics', (options) => new SharedStatistics(cache, options)],
  ['withTelemetry', (options) => withTelemetry(cache, options)],
  [
    'estimateSavings',
    (input: object) => estimateSavings({ queriesPerHour: 1, hitRatio: 1, savedMsPerHit: 1, ...input }),
  ],
  ['encodeEnvelope', (options) => encodeEnvelope(1, options)],
  ['decodeEnvelope', (options) => decodeEnvelope(Buffer.alloc(1), options)],
];

/** Turns a thrown refusal into a rejected promise. */
const outcome = async (call: () => unknown): Promise<unknown> => call();

describe('an unknown option', () => {
  it.each(PLACES)('is rejected by %s', async (...[, call, path = '']) => {
    const refused = outcome(() => call({ unheardOf: 1 } as never));
    await expect(refused).rejects.toThrowError(ConfigurationError);
    await expect(refused).rejects.toThrowError(`${path === '' ? '' : `${path}.`}unheardOf: unknown option`);
  });

  it('is accepted when its value is undefined', async () => {
    await cache.set('k', 1, { ttl: undefined } as object);
    expect(await cache.get('k', { unheardOf: undefined } as object)).toBe(1);
  });

  it.each<[string, () => unknown, string]>([
    [
      'a missing letter',
      () => memoryCache({ breaker: { treshold: 3 } as object }),
      'breaker.treshold: unknown option; did you mean "threshold"?',
    ],
    [
      'letters in another order',
      () => memoryCache({ namepsace: 'x' } as object),
      'did you mean "namespace"?',
    ],
    ['another case', () => cache.set('k', 1, { TTLSeconds: 5 } as object), 'did you mean "ttlSeconds"?'],
    ['a missing unit', () => cache.set('k', 1, { ttl: 5 } as object), 'did you mean "ttlSeconds"?'],
    [
      'a missing unit of a long name',
      () => cache.getOrCompute('k2', () => 1, { staleWhileRevalidate: 5 } as object),
      'did you mean "staleWhileRevalidateSeconds"?',
    ],
    [
      'an option name of another client',
      () => redisCache({ host: 'localhost' } as object),
      'did you mean "address"?',
    ],
    ['keyPrefix of ioredis', () => redisCache({ keyPrefix: 'x' } as object), 'did you mean "namespace"?'],
    [
      'the option name of Node',
      () => redisCache({ tls: { servername: 'x' } as object }),
      'did you mean "serverName"?',
    ],
    [
      'a name that resembles no option',
      () => memoryCache({ l1: { zzz: 1 } as object }),
      'l1.zzz: unknown option; allowed: boundMs, maxBytes, maxEntries, prefixes, ttlSeconds',
    ],
    [
      'an option of another mode',
      () => clusterCache({ nodes, serviceName: 'x' } as never),
      'serviceName: unknown option',
    ],
    [
      'the mode of a factory that has one',
      () => sentinelCache({ sentinels, mode: 'cluster' } as never),
      'mode: unknown option',
    ],
  ])('gets a suggestion: %s', async (_, call, message) => {
    await expect(outcome(call)).rejects.toThrowError(message);
  });
});

describe('a value that is not an options object', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a TTL as a number',
      () => cache.set('k', 1, 60 as never),
      'options: must be an object with options, got 60',
    ],
    ['null', () => cache.get('absent', null as never), 'options: must be an object with options, got null'],
    [
      'a list',
      () => cache.getOrCompute('absent', () => 1, [] as never),
      'options: must be an object with options, got ',
    ],
    [
      'a text',
      () => redisCache('redis://localhost' as never),
      'options: must be an object with options, got "redis://localhost"',
    ],
    [
      'a callback',
      () => cache.invalidation.invalidate((() => {}) as never),
      'must be an object with options, got ',
    ],
  ])('is rejected: %s', async (_, call, message) => {
    await expect(outcome(call)).rejects.toThrowError(ConfigurationError);
    await expect(outcome(call)).rejects.toThrowError(message);
  });
});

describe('options', () => {
  it('are accepted by every kind of call, so one object can be used for all calls', async () => {
    const all = { ttlSeconds: 60, tags: ['t'], graceSeconds: 5, earlyRefresh: 0, hardTimeoutMs: 1000 };
    await cache.set('shared', 1, all);
    expect(await cache.get('shared', all as object)).toBe(1);
    expect(await cache.getOrCompute('shared', () => 2, all)).toBe(1);
  });

  it('accept a strategy from a class that has other methods and fields', async () => {
    class Strategy {
      readonly name = 's';
      readonly database = {};
      generate = () => [];
    }
    const warmer = new CacheWarmer(cache, [new Strategy()]);
    expect(warmer.strategies.map(({ name }) => name)).toEqual(['s']);
    await warmer.close();
  });

  it('are optional for a response key', () => {
    expect(buildResponseKey('p', 1)).toMatch(/^p:cache:/);
  });
});
