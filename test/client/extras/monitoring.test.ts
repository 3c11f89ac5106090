/** Metrics, traces, logs and shared statistics, with a real registry, a real SDK and a real Redis. */
import { context, type Meter, SpanStatusCode, type Tracer } from '@opentelemetry/api';
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
import { Counter, Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelsOf, renderExposition } from '../../../client/cache/exposition.ts';
import { type LogRecord, logEvents } from '../../../client/extras/log.ts';
import { collectMetrics, registerMetrics } from '../../../client/extras/metrics/index.ts';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { withTelemetry } from '../../../client/extras/telemetry.ts';
import { CacheWarmer } from '../../../client/extras/warming/index.ts';
import { type Cache, ConfigurationError, memoryCache, redisCache } from '../../../client/index.ts';
import { endAfterEachTest } from '../../support/end-after-test.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
const { closeAfterTest, ends } = endAfterEachTest();
beforeAll(async () => {
  redis = await RedisProcess.start({ conf: ['user shy on >secret ~* &* +@all -info', 'maxmemory 200mb'] });
});
afterAll(() => redis[Symbol.asyncDispose]());
const open = (namespace: string, more: object = {}): Cache =>
  closeAfterTest(redisCache({ address: redis.address, namespace, ...more }));

describe('metrics', () => {
  it('have the names that the dashboard expects: cache, server, breaker and warming', async () => {
    const cache = open('metrics');
    const warmer = new CacheWarmer(cache, [{ name: 'all', generate: () => [['k', 1]] }]);
    await warmer.start();
    await cache.get('k');
    const text = await collectMetrics(cache, [warmer]);
    for (const name of [
      ...[
        'hits_total',
        'misses_total',
        'errors_total',
        'latency_seconds_bucket',
        'breaker_state',
        'breaker_transitions_total',
      ],
      ...[
        'breaker_recovery_seconds_sum',
        'breaker_recovery_seconds_count',
        'evictions_total',
        'memory_bytes',
        'memory_max_bytes',
      ],
      ...['connections', 'warming_seconds_total', 'warming_entries_total'],
    ])
      expect(text, name).toMatch(
        new RegExp(`^cache_redis_${name}\\{namespace="metrics"[^}]*\\} [0-9.e+-]+$`, 'm'),
      );
    expect(text).toContain('cache_redis_memory_max_bytes{namespace="metrics"} 209715200');
    await warmer.close();
  });

  it('omit figures that the user may not query, and figures of servers that do not reply', async () => {
    const text = await collectMetrics(open('shy', { username: 'shy', password: 'secret' }));
    expect(text).toMatch(/cache_redis_hits_total/);
    expect(text).not.toMatch(/cache_redis_evictions_total/);
    expect(await collectMetrics(closeAfterTest(memoryCache()))).not.toMatch(/cache_redis_memory_bytes/);
  });

  it('report how long the breaker took to recover', async () => {
    const own = await RedisProcess.start();
    ends.push(() => own[Symbol.asyncDispose]());
    const cache = closeAfterTest(
      redisCache({
        address: own.address,
        commandTimeoutMs: 50,
        breaker: { threshold: 1, probeIntervalMs: 20 },
      }),
    );
    const records: LogRecord[] = [];
    const stop = logEvents(cache, (record) => records.push(record));
    await cache.set('k', 1);
    await own.kill();
    await waitUntil('the breaker is open', async () => {
      await cache.get('k');
      return cache.stats().breaker.kind === 'open';
    });
    await own.start();
    await waitUntil('the breaker is closed', async () => {
      await cache.get('k');
      return cache.stats().breaker.kind === 'closed';
    });
    const seconds = Number(/breaker_recovery_seconds_sum\{[^}]*\} ([0-9.]+)/.exec(cache.metrics())?.[1]);
    expect(cache.metrics()).toMatch(/breaker_recovery_seconds_count\{[^}]*\} 1$/m);
    expect(seconds).toBeGreaterThan(0);
    stop();
    const breaker = records.filter(({ event }) => event === 'cache.breaker');
    expect(breaker.map(({ level, details }) => [level, details.to])).toEqual([
      ['warn', 'open'],
      ['warn', 'half-open'],
      ['info', 'closed'],
    ]);
    expect(records.find(({ event }) => event === 'cache.fallback')).toMatchObject({
      level: 'debug',
      namespace: 'cache',
      details: { operation: 'get' },
    });
    expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  });

  it('share a prom-client registry with the application metrics', async () => {
    const cache = open('registry');
    const registry = new Registry();
    new Counter({ name: 'orders_total', help: 'Orders.', registers: [registry] }).inc(3);
    await registerMetrics(cache, registry);
    await cache.set('k', 1);
    await cache.get('k');
    const text = await registry.metrics();
    expect(text).toMatch(/^orders_total 3$/m);
    expect(text).toMatch(/^# TYPE cache_redis_hits_total counter$/m);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="registry"\} 1$/m);
    expect(text).toMatch(/^cache_redis_latency_seconds_count\{namespace="registry",operation="get"\} 1$/m);
    expect(text).toMatch(
      /^cache_redis_latency_seconds_bucket\{namespace="registry",operation="set",le="\+Inf"\} 1$/m,
    );
    expect(text).toMatch(/^cache_redis_evictions_total\{namespace="registry"\} 0$/m);
  });

  it('escape characters that a label cannot contain', () => {
    const odd = 'a"b\\c\nd';
    expect(labelsOf({ odd })).toBe('odd="a\\"b\\\\c\\nd"');
    const family = { name: 'x', type: 'gauge', help: 'X.' } as const;
    expect(renderExposition([{ ...family, samples: [] }])).toBe('');
    expect(renderExposition([{ ...family, samples: [{ labels: '', value: 1 }] }])).toBe(
      '# HELP x X.\n# TYPE x gauge\nx 1\n',
    );
  });
});

describe('OpenTelemetry', () => {
  it('receives a span per operation, with hits, source and error, and the statistics as metrics', async () => {
    const spans = new InMemorySpanExporter();
    const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const metering = new MeterProvider({ readers: [reader] });
    ends.push(
      () => tracing.shutdown(),
      () => metering.shutdown(),
    );
    const tracer: Tracer = tracing.getTracer('test');
    const meter: Meter = metering.getMeter('test');
    const cache = withTelemetry(open('traced'), { tracer, meter, keys: true });
    await cache.set('k', 1);
    await Promise.all([cache.get('k'), cache.getMany(['k', 'absent'])]);
    expect(await cache.getOrCompute('fresh', () => 2)).toBe(2);
    await expect(cache.getOrCompute('bad', () => Promise.reject(new RangeError('no')))).rejects.toThrowError(
      RangeError,
    );
    const [set, ...reads] = spans.getFinishedSpans();
    expect([set?.name, set?.attributes['cache.key'], set?.attributes['db.system.name']]).toEqual([
      'cache.set',
      'k',
      'redis',
    ]);
    const byName = new Map(reads.map((span) => [span.name, span]));
    expect(byName.get('cache.get')?.attributes).toMatchObject({ 'cache.hits': 1, 'cache.misses': 0 });
    expect(byName.get('cache.getMany')?.attributes).toMatchObject({
      'cache.hits': 1,
      'cache.misses': 1,
      'db.operation.batch.size': 2,
    });
    expect(byName.get('cache.getMany')?.attributes).not.toHaveProperty('cache.key');
    const computed = reads.filter(({ name }) => name === 'cache.getOrCompute');
    expect(computed[0]?.attributes).toMatchObject({ 'cache.source': 'loader', 'cache.misses': 1 });
    expect(computed[1]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' });
    expect(computed[1]?.events[0]?.attributes?.['exception.type']).toBe('RangeError');
    await reader.forceFlush();
    const names = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics.map(({ descriptor }) => descriptor.name)),
      );
    expect(names).toEqual(
      expect.arrayContaining(['cache.operation.duration', 'cache.hits', 'cache.misses', 'cache.loads']),
    );
    expect(context.active()).toBeDefined();
  });

  it('leaves the other methods, the state and the errors of the cache unchanged', async () => {
    const cache = withTelemetry(closeAfterTest(memoryCache({ namespace: 'n' })), {});
    await cache.setMany(new Map([['a', 1]]));
    expect(await cache.lookup('a')).toMatchObject({ found: true });
    expect((await cache.lookupMany(['a', 'b'])).get('b')).toMatchObject({ found: false });
    expect(await cache.getEntry('a')).toMatchObject({ value: 1 });
    expect([
      await cache.delete('a'),
      await cache.clear(),
      await cache.ping(),
      cache.physicalKey('a'),
    ]).toEqual([1, 0, 0, 'n:a']);
    expect(cache.connection).toBeUndefined();
    expect(cache.stats()).toMatchObject({ hits: 3, misses: 1, writes: 1, deletes: 1 });
    await expect(cache.get('')).rejects.toThrowError(ConfigurationError);
  });
});

describe('shared statistics', () => {
  it('are summed across processes, without an extra command per operation', async () => {
    const [one, other] = [open('shared'), open('shared')];
    await one.set('k', 1);
    const statistics = [one, other].map((cache) => new SharedStatistics(cache));
    const commands = async (): Promise<number> =>
      Number(/cmdstat_get:calls=(\d+)/.exec(await redis.admin().info('commandstats'))?.[1] ?? 0);
    const before = await commands();
    await Promise.all([one.get('k'), one.get('k'), other.get('k'), other.get('absent')]);
    expect((await commands()) - before).toBe(4);
    expect(await redis.admin().exists('shared:~stats:hits')).toBe(0);
    await Promise.all(statistics.map((shared) => shared.flush()));
    expect(await redis.admin().get('shared:~stats:hits')).toBe('3');
    expect(await statistics[0]?.read()).toMatchObject({ hits: 3, misses: 1, writes: 0, hitRatio: 0.75 });
    await other.get('k');
    await Promise.all(statistics.map((shared) => shared.close()));
    expect(await statistics[0]?.read()).toMatchObject({ hits: 4 });
  });

  it('are flushed periodically, can be reset, and have no hit ratio before the first read', async () => {
    const cache = open('timer');
    const shared = new SharedStatistics(cache, { flushMs: 10 });
    expect((await shared.read()).hitRatio).toBeNull();
    await cache.set('k', 1);
    await waitUntil('the write is counted in Redis', async () => (await shared.read()).writes === 1);
    await shared.reset();
    expect(await shared.read()).toMatchObject({ writes: 0 });
    await shared.close();
    await expect(shared.close()).rejects.toThrowError('closed');
    expect(() => new SharedStatistics(cache, { flushMs: 1 })).toThrowError(/flushMs: must .*, got 1/);
  });

  it('are sent when Redis is reachable again, and never twice', async () => {
    const own = await RedisProcess.start();
    ends.push(() => own[Symbol.asyncDispose]());
    const cache = closeAfterTest(
      redisCache({ address: own.address, commandTimeoutMs: 200, breaker: { enabled: false } }),
    );
    const shared = new SharedStatistics(cache);
    await cache.set('k', 1);
    await own.kill();
    await cache.get('k');
    await shared.flush();
    await own.start();
    await waitUntil('Redis replies', () =>
      cache.ping().then(
        () => true,
        () => false,
      ),
    );
    await shared.flush();
    expect((await shared.read()).writes + shared.uncertain).toBe(1);
    await shared.close();
  });

  it('equal the statistics of the cache if there is no Redis', async () => {
    const cache = closeAfterTest(memoryCache());
    const shared = new SharedStatistics(cache);
    await cache.set('k', 1);
    await shared.reset();
    expect(await shared.read()).toMatchObject({ writes: 1 });
    await shared.close();
  });
});
