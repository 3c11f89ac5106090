/**
 * Several caches in one process share one exposition, one prom-client registry and one OpenTelemetry meter. The texts
 * are always checked against the rules of the text format, and also by promtool if it is installed.
 */
import { execFile, spawnSync } from 'node:child_process';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectMetrics, registerMetrics, renderMetrics } from '../../../client/extras/metrics/index.ts';
import { withTelemetry } from '../../../client/extras/telemetry.ts';
import { CacheWarmer } from '../../../client/extras/warming/index.ts';
import { type Cache, ConfigurationError, memoryCache, redisCache } from '../../../client/index.ts';
import { endAfterEachTest } from '../../support/end-after-test.ts';
import { RedisProcess } from '../../support/redis-process.ts';

let redis: RedisProcess;
const { closeAfterTest, ends } = endAfterEachTest();
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());
const open = (namespace: string): Cache => closeAfterTest(redisCache({ address: redis.address, namespace }));

/** Violations of the Prometheus text format (exposition_formats.md), as sentences; empty if there are none. */
function faultsIn(text: string): readonly string[] {
  const faults: string[] = [];
  const typed = new Set<string>();
  const ended = new Set<string>();
  const samples = new Set<string>();
  let current = '';
  if (!text.endsWith('\n')) faults.push('the last line has no line feed');
  for (const line of text.trimEnd().split('\n')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*)/.exec(line) ?? [];
    if (kind !== undefined) {
      if (name !== current) {
        if (ended.has(name)) faults.push(`${name} is in two groups`);
        ended.add(current);
        current = name;
      }
      if (kind === 'TYPE' && typed.has(name)) faults.push(`second TYPE of ${name}`);
      if (kind === 'TYPE') typed.add(name);
      continue;
    }
    const sample =
      /^([a-zA-Z_:][\w:]*)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? -?(?:\d[\d.e+-]*|Inf|NaN)$/.exec(line);
    if (sample === null) faults.push(`not a sample: ${line}`);
    else if (sample[1]?.replace(/_(?:bucket|sum|count)$/, '') !== current && sample[1] !== current)
      faults.push(`${sample[1]} follows ${current} instead of its own family`);
    const series = line.slice(0, line.lastIndexOf(' '));
    if (samples.has(series)) faults.push(`twice: ${series}`);
    samples.add(series);
  }
  return faults;
}

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

/** Errors that promtool reports for a text; empty if there are none. */
function promtool(text: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile('promtool', ['check', 'metrics'], (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
    child.stdin?.end(text);
  });
}

async function useCache(cache: Cache, times: number): Promise<Cache> {
  await cache.set('k', 1);
  for (let i = 0; i < times; i++) await cache.get('k');
  return cache;
}

describe('the Prometheus text format', () => {
  it('does not allow two metrics() texts to be concatenated', async () => {
    const [one, other] = [await useCache(open('one'), 1), await useCache(open('other'), 2)];
    expect(faultsIn(one.metrics())).toEqual([]);
    expect(faultsIn(one.metrics() + other.metrics())).toContain('second TYPE of cache_redis_hits_total');
  });
});

describe('metrics of several caches', () => {
  it('form one exposition, with a namespace label per cache', async () => {
    const [one, other] = [await useCache(open('one'), 1), await useCache(open('other'), 2)];
    const text = renderMetrics([one, other]);
    expect(faultsIn(text)).toEqual([]);
    expect(text.match(/^# TYPE cache_redis_hits_total counter$/gm)).toHaveLength(1);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="one"\} 1$/m);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="other"\} 2$/m);
    expect(text).toMatch(/^cache_redis_latency_seconds_count\{namespace="other",operation="get"\} 2$/m);
    expect(renderMetrics([one])).toBe(one.metrics());
    expect(renderMetrics([])).toBe('');
  });

  it('include the metrics of their servers and warmers', async () => {
    const [one, other] = [open('one'), closeAfterTest(memoryCache({ namespace: 'odd"name' }))];
    const warmer = new CacheWarmer(one, [{ name: 'all', generate: () => [['k', 1]] }]);
    await warmer.start();
    const text = await collectMetrics([{ cache: one, sources: [warmer] }, other]);
    expect(faultsIn(text)).toEqual([]);
    expect(text).toMatch(/^cache_redis_evictions_total\{namespace="one"\} 0$/m);
    expect(text).toMatch(/^cache_redis_warming_entries_total\{namespace="one",strategy="all"\} 1$/m);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="odd\\"name"\} 0$/m);
    expect(text).not.toMatch(/evictions_total\{namespace="odd/);
    await warmer.close();
  });

  it('are rejected when two caches share a namespace, because their samples would collide', async () => {
    const caches = [open('same'), open('same')];
    expect(() => renderMetrics(caches)).toThrowError(ConfigurationError);
    await expect(collectMetrics(caches)).rejects.toThrowError('namespace: "same" is used by two caches');
  });

  describe.runIf(hasPromtool)(`promtool${hasPromtool ? '' : ' [skipped: not installed]'}`, () => {
    it('accepts the exposition of several caches', async () => {
      const caches = [await useCache(open('one'), 1), await useCache(open('odd"name\\'), 2)];
      await caches[0]?.getOrCompute('c', () => 1, { tags: ['t'] });
      expect(await promtool(renderMetrics(caches))).toBe('');
      expect(await promtool(await collectMetrics(caches))).toBe('');
      expect(await promtool(caches.map((cache) => cache.metrics()).join(''))).toMatch(/second HELP line/);
    });

    it('accepts the exposition of a prom-client registry', async () => {
      const registry = new Registry();
      await registerMetrics(await useCache(open('one'), 1), registry);
      await registerMetrics(await useCache(open('other'), 2), registry);
      expect(await promtool(await registry.metrics())).toBe('');
    });
  });
});

describe('a prom-client registry', () => {
  it('accepts several caches, with a namespace label per cache', async () => {
    const registry = new Registry();
    const [one, other] = [await useCache(open('one'), 1), await useCache(open('other'), 2)];
    await registerMetrics(one, registry);
    await registerMetrics(other, registry);
    const text = await registry.metrics();
    expect(faultsIn(text.replace(/\n\n/g, '\n'))).toEqual([]);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="one"\} 1$/m);
    expect(text).toMatch(/^cache_redis_hits_total\{namespace="other"\} 2$/m);
    expect(text).toMatch(
      /^cache_redis_latency_seconds_bucket\{namespace="other",operation="get",le="\+Inf"\} 2$/m,
    );
  });

  it('adds the metrics that only a later cache has, and counts a cache once even if it is added twice', async () => {
    const registry = new Registry();
    const memory = closeAfterTest(memoryCache({ namespace: 'memory' }));
    await registerMetrics(memory, registry);
    expect(await registry.metrics()).not.toContain('cache_redis_evictions_total');
    const remote = await useCache(open('remote'), 3);
    await registerMetrics(remote, registry);
    await registerMetrics(withTelemetry(remote, {}), registry);
    const text = await registry.metrics();
    expect(text).toMatch(/^cache_redis_evictions_total\{namespace="remote"\} 0$/m);
    expect(text.match(/^cache_redis_hits_total\{namespace="remote"\} 3$/gm)).toHaveLength(1);
  });

  it('rejects a second cache with the same namespace until the first one is closed or removed', async () => {
    const registry = new Registry();
    const first = open('reopened');
    await registerMetrics(first, registry);
    await expect(registerMetrics(open('reopened'), registry)).rejects.toThrowError(
      'namespace: "reopened" is used by two caches',
    );
    await first.close();
    const takeOut = await registerMetrics(await useCache(open('reopened'), 1), registry);
    expect(await registry.metrics()).toMatch(/^cache_redis_hits_total\{namespace="reopened"\} 1$/m);
    takeOut();
    await registerMetrics(await useCache(open('reopened'), 2), registry);
    expect(await registry.metrics()).toMatch(/^cache_redis_hits_total\{namespace="reopened"\} 2$/m);
    const memory = memoryCache({ namespace: 'm' });
    await registerMetrics(memory, registry);
    await memory.close();
    await registerMetrics(closeAfterTest(memoryCache({ namespace: 'm' })), registry);
  });

  it('is filled again after it has been cleared', async () => {
    const registry = new Registry();
    const cache = await useCache(open('cleared'), 1);
    await registerMetrics(cache, registry);
    registry.clear();
    await registerMetrics(cache, registry);
    expect(await registry.metrics()).toMatch(/^cache_redis_hits_total\{namespace="cleared"\} 1$/m);
  });
});

describe('an OpenTelemetry meter', () => {
  function metering() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    ends.push(() => provider.shutdown());
    /** Values of a metric by namespace: the sum of a counter, the count of a histogram. */
    const read = async (name: string): Promise<Readonly<Record<string, unknown>>> => {
      await reader.forceFlush();
      const metrics =
        exporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
      const points = metrics.filter(({ descriptor }) => descriptor.name === name);
      expect(points).toHaveLength(1);
      const totals: Record<string, number> = {};
      for (const { attributes, value } of points[0]?.dataPoints ?? []) {
        const namespace = String(attributes['cache.namespace']);
        totals[namespace] = (totals[namespace] ?? 0) + (typeof value === 'number' ? value : value.count);
      }
      return totals;
    };
    return { meter: provider.getMeter('test'), read };
  }

  it('counts two caches separately', async () => {
    const { meter, read } = metering();
    await useCache(withTelemetry(open('one'), { meter }), 1);
    await useCache(withTelemetry(open('other'), { meter }), 2);
    expect(await read('cache.hits')).toEqual({ one: 1, other: 2 });
    expect(await read('cache.writes')).toEqual({ one: 1, other: 1 });
    expect(await read('cache.operation.duration')).toEqual({ one: 2, other: 3 });
  });

  it('sums the counts of caches with the same namespace', async () => {
    const { meter, read } = metering();
    for (const times of [1, 2]) await useCache(withTelemetry(open('same'), { meter }), times);
    expect(await read('cache.hits')).toEqual({ same: 3 });
  });

  it('counts a cache once, even if it is wrapped several times', async () => {
    const { meter, read } = metering();
    const plain = open('twice');
    const cache = withTelemetry(withTelemetry(plain, { meter }), { meter });
    await useCache(cache, 2);
    await useCache(withTelemetry(plain, { meter }), 1);
    expect(await read('cache.hits')).toEqual({ twice: 3 });
    expect(await read('cache.operation.duration')).toEqual({ twice: 5 });
  });

  it('keeps the counts of a closed cache, because a counter never decreases', async () => {
    const { meter, read } = metering();
    const first = await useCache(withTelemetry(open('n'), { meter }), 2);
    await first.close();
    expect(await read('cache.hits')).toEqual({ n: 2 });
    await useCache(withTelemetry(open('n'), { meter }), 1);
    const memory = await useCache(withTelemetry(memoryCache({ namespace: 'm' }), { meter }), 1);
    await memory.close();
    expect(await read('cache.hits')).toEqual({ n: 3, m: 1 });
  });
});
