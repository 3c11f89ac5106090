/**
 * Every operation of the public cache is reported. The test takes the methods from the cache itself, so it fails if a
 * new method has no call in this file, or has no span.
 */
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invalidation } from '../../../client/api/invalidation.ts';
import { CacheAnalytics } from '../../../client/extras/analytics/index.ts';
import { withTelemetry } from '../../../client/extras/telemetry.ts';
import { type Cache, memoryCache, redisCache } from '../../../client/index.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

const stack = new AsyncDisposableStack();
let redis: RedisProcess;
beforeAll(async () => {
  redis = stack.use(await RedisProcess.start());
  const { host, port } = redis.address;
  const replica = stack.use(await RedisProcess.start({ conf: [`replicaof ${host} ${port}`] }));
  await waitUntil('the replica is in sync', async () =>
    (await replica.admin().info('replication')).includes('master_link_status:up'),
  );
});
afterAll(() => stack.disposeAsync());

/** Members that are not operations, because they only return state of the process. */
const STATE = [
  'stats',
  'metrics',
  'metricFamilies',
  'physicalKey',
  'on',
  'connection',
  'invalidation',
] as const satisfies readonly (keyof Cache)[];
type Operation = Exclude<keyof Cache, (typeof STATE)[number]>;

interface Call {
  readonly call: (cache: Cache) => Promise<unknown>;
  /**
   * Name under which the call is reported, if the operation is a variant of a simpler one. Default: the name of the
   * method.
   */
  readonly span?: Operation;
  readonly keys?: number;
}

/** In the order of the calls; `close` is last. */
const OPERATIONS: Readonly<Record<Operation, Call>> = {
  set: { call: (cache) => cache.set('k', 1, { tags: ['t'] }), keys: 1 },
  setMany: { call: (cache) => cache.setMany(new Map([['m', 1]])), keys: 1 },
  setIfAbsent: { call: (cache) => cache.setIfAbsent('n', 1), keys: 1 },
  get: { call: (cache) => cache.get('k'), keys: 1 },
  getEntry: { call: (cache) => cache.getEntry('k'), span: 'get', keys: 1 },
  lookup: { call: (cache) => cache.lookup('k'), span: 'get', keys: 1 },
  getWithTtl: { call: (cache) => cache.getWithTtl('k'), keys: 1 },
  getMany: { call: (cache) => cache.getMany(['k', 'm']), keys: 2 },
  lookupMany: { call: (cache) => cache.lookupMany(['k', 'm']), span: 'getMany', keys: 2 },
  getOrCompute: { call: (cache) => cache.getOrCompute('c', () => 1, { tags: ['t'] }), keys: 1 },
  getOrComputeEntry: {
    call: (cache) => cache.getOrComputeEntry('d', () => 1),
    span: 'getOrCompute',
    keys: 1,
  },
  getOrComputeMany: {
    call: (cache) => cache.getOrComputeMany(['e', 'f'], async (keys) => new Map(keys.map((key) => [key, 1]))),
    keys: 2,
  },
  ttl: { call: (cache) => cache.ttl('k'), keys: 1 },
  exists: { call: (cache) => cache.exists('k', 'm', 'absent'), keys: 3 },
  expire: { call: (cache) => cache.expire('k', 60), keys: 1 },
  delete: { call: (cache) => cache.delete('k', 'm'), keys: 2 },
  invalidateTags: { call: (cache) => cache.invalidateTags('t') },
  clear: { call: (cache) => cache.clear() },
  ping: { call: (cache) => cache.ping() },
  close: { call: (cache) => cache.close() },
};

const NOT_INVALIDATIONS = [
  'depend',
  'on',
  'tagsOf',
  'changed',
] as const satisfies readonly (keyof Invalidation)[];
const INVALIDATIONS: Readonly<
  Record<
    Exclude<keyof Invalidation, (typeof NOT_INVALIDATIONS)[number]>,
    (invalidation: Invalidation) => Promise<unknown>
  >
> = {
  invalidate: (invalidation) => invalidation.invalidate({ keys: ['k'], tags: ['t'] }),
  tags: (invalidation) => invalidation.tags('t'),
  pattern: (invalidation) => invalidation.pattern('k*'),
  domain: (invalidation) => invalidation.domain('all'),
  emit: (invalidation) => invalidation.emit('changed', 1),
};

const PUBLIC_NAMES = new Set([
  ...Object.keys(OPERATIONS),
  ...Object.keys(INVALIDATIONS).map((name) => `invalidation.${name}`),
]);

/** Methods that an object inherits from its class. */
function methodsOf(object: object): readonly string[] {
  const prototype: object = Object.getPrototypeOf(object);
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
    .map(([name]) => name);
}

const open = (namespace: string): Cache =>
  redisCache({ address: redis.address, namespace, domains: { all: ['*'] } });

function telemetry() {
  const spans = new InMemorySpanExporter();
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const metering = new MeterProvider({ readers: [reader] });
  return {
    options: { tracer: tracing.getTracer('test'), meter: metering.getMeter('test') },
    /** Names and attributes of the spans since the last call. */
    spans: () => {
      const finished = spans.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }));
      spans.reset();
      return finished;
    },
    /** Operations in the duration histogram. */
    durations: async () => {
      await reader.forceFlush();
      const metrics =
        exporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      const points = metrics.find(({ descriptor }) => descriptor.name === 'cache.operation.duration');
      return new Set(points?.dataPoints.map(({ attributes }) => attributes['cache.operation']));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([tracing.shutdown(), metering.shutdown()]);
    },
  };
}

describe('the operations', () => {
  it('are all methods of the cache except those that only return state', async () => {
    const cache = memoryCache();
    const operations = methodsOf(cache).filter((name) => !STATE.some((state) => state === name));
    expect(operations.toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
    const invalidations = methodsOf(cache.invalidation).filter(
      (name) => !NOT_INVALIDATIONS.some((each) => each === name),
    );
    expect(invalidations.toSorted()).toEqual(Object.keys(INVALIDATIONS).toSorted());
    await cache.close();
  });

  it.each([
    ['with Redis', () => open('spans')],
    ['in memory', () => memoryCache({ namespace: 'spans' })],
  ] as const)('have one span and one duration each, %s', async (_where, opened) => {
    await using sdk = telemetry();
    const cache = withTelemetry(opened(), sdk.options);
    for (const [name, { call, span = name, keys = 0 }] of Object.entries(OPERATIONS)) {
      await call(cache);
      expect(sdk.spans(), name).toEqual([
        {
          name: `cache.${span}`,
          attributes: expect.objectContaining({
            'db.operation.name': span,
            'db.operation.batch.size': keys,
            'cache.namespace': 'spans',
          }),
        },
      ]);
    }
    const names = Object.entries(OPERATIONS).map(([name, { span = name }]) => span);
    expect(await sdk.durations()).toEqual(new Set(names));
  });

  it('have one span and one duration each, including those in cache.invalidation', async () => {
    await using sdk = telemetry();
    const cache = withTelemetry(open('invalidation'), sdk.options);
    for (const [name, call] of Object.entries(INVALIDATIONS)) {
      if (name === 'domain' && cache.connection === undefined) continue;
      await call(cache.invalidation);
      expect(
        sdk.spans().map((span) => span.name),
        name,
      ).toEqual([`cache.invalidation.${name}`]);
    }
    cache.invalidation.depend('a', ['b']);
    expect(sdk.spans()).toEqual([]);
    expect(await sdk.durations()).toEqual(
      new Set(Object.keys(INVALIDATIONS).map((name) => `invalidation.${name}`)),
    );
    await cache.close();
  });

  it('have a span with the error when they fail, even if they throw synchronously', async () => {
    await using sdk = telemetry();
    const cache = withTelemetry(memoryCache(), sdk.options);
    await expect(cache.exists('')).rejects.toThrow('key');
    await expect(cache.invalidation.domain('none')).rejects.toThrow('none');
    expect(sdk.spans().map(({ name }) => name)).toEqual(['cache.exists', 'cache.invalidation.domain']);
    await cache.close();
  });

  it('count the keys in a list argument like keys passed as separate arguments', async () => {
    await using sdk = telemetry();
    const cache = withTelemetry(memoryCache(), sdk.options);
    await cache.delete(['a', 'b', 'c']);
    await cache.exists('a', 'b');
    const sizes = sdk.spans().map(({ attributes }) => attributes['db.operation.batch.size']);
    expect(sizes).toEqual([3, 2]);
    await cache.close();
  });

  it('are the same function objects on every access', async () => {
    const cache = withTelemetry(memoryCache(), {});
    expect(cache.ttl).toBe(cache.ttl);
    expect(cache.invalidation.pattern).toBe(cache.invalidation.pattern);
    await cache.close();
  });

  it('count as reads in the analytics if they are reads', async () => {
    const analytics = new CacheAnalytics(memoryCache());
    await analytics.cache.set('v1:natal:1', 1);
    await analytics.cache.getWithTtl('v1:natal:1');
    await analytics.cache.getWithTtl('v1:natal:2');
    await analytics.cache.ttl('v1:natal:1');
    expect(analytics.report().groups).toMatchObject([{ group: 'natal', hits: 1, misses: 1 }]);
    analytics.close();
    await analytics.cache.close();
  });
});

describe('the metrics', () => {
  it.each([
    ['functions', {}],
    ['a script', { scripting: { loadFunctions: false } }],
    ['plain commands', { scripting: { loadFunctions: false, evalScripts: false } }],
  ] as const)('are named after public operations only, by %s', async (way, options) => {
    const cache = redisCache({
      ...options,
      address: redis.address,
      namespace: `names-${way.replaceAll(' ', '-')}`,
      domains: { all: ['*'] },
    });
    for (const [name, { call }] of Object.entries(OPERATIONS)) if (name !== 'close') await call(cache);
    for (const call of Object.values(INVALIDATIONS)) await call(cache.invalidation);
    const durable = await cache.set('durable', 1, { durability: { replicas: 1, timeoutMs: 5_000 } });
    expect(durable.replicas).toBe(1);
    const named = new Set([...cache.metrics().matchAll(/operation="([^"]+)"/g)].map(([, name]) => name));
    expect(named.size).toBeGreaterThan(8);
    expect([...named].filter((name) => !PUBLIC_NAMES.has(String(name)))).toEqual([]);
    await cache.close();
  });
});
