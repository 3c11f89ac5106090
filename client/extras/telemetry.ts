/**
 * OpenTelemetry: a span for each operation, and the statistics as metrics. The caller passes a tracer and a meter from
 * `@opentelemetry/api`; the package is not imported here.
 *
 * @module telemetry
 */

import type { Cache } from '../api/types.ts';
import { assertCache, assertGiven, assertMethods } from '../options/arguments.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { reportOn } from './metrics/meter.ts';
import { namespaceOf } from './metrics/server.ts';
import { type Observer, observeCache, unwrapObserved } from './observed.ts';
import type { TelemetryAttributes, TelemetryMeter, TelemetryTracer } from './telemetry-api.ts';

export type {
  TelemetryAttributes,
  TelemetryMeter,
  TelemetrySpan,
  TelemetryTracer,
} from './telemetry-api.ts';

/** Receivers of spans and metrics. */
export interface TelemetryOptions {
  /** Receives one span per operation. Default: no spans. */
  readonly tracer?: TelemetryTracer;
  /** Receives the statistics and a histogram of durations in seconds. Default: no metrics. */
  readonly meter?: TelemetryMeter;
  /** Adds keys to spans (`cache.key`); default false, because keys may contain sensitive data. */
  readonly keys?: boolean;
}

const TELEMETRY = optionNames<TelemetryOptions>({ tracer: true, meter: true, keys: true });

const TRACER = ['startActiveSpan'];
const METER = ['createHistogram', 'createObservableCounter'];

/** Values of SpanKind.CLIENT and SpanStatusCode.ERROR in the API. */
const CLIENT = 2;
const ERROR = 2;

/**
 * Meters and tracers that are already registered for each cache. A second registration would count operations twice.
 */
const sinks = new WeakMap<Cache, ReadonlySet<object>>();

/**
 * Returns a cache that reports its operations. Use this cache instead of the original one. Every operation of the cache
 * and of `cache.invalidation` has a span and a duration, named `cache.<method>` (`getEntry` and `lookup` are `get`).
 * Several caches may share a meter: the attribute `cache.namespace` distinguishes them, and counts for the same
 * namespace are added together.
 */
export function withTelemetry(cache: Cache, options: TelemetryOptions): Cache {
  assertCache(cache);
  assertGiven('options', options);
  assertOptions('', options, TELEMETRY);
  if (options.tracer) assertMethods('tracer', options.tracer, TRACER, 'an OpenTelemetry tracer');
  if (options.meter) assertMethods('meter', options.meter, METER, 'an OpenTelemetry meter');
  const known = sinks.get(cache) ?? new Set<object>();
  const tracer = options.tracer && !known.has(options.tracer) ? options.tracer : undefined;
  const meter = options.meter && !known.has(options.meter) ? options.meter : undefined;
  const namespace = namespaceOf(cache);
  const report = meter && reportOn(meter);
  const own = unwrapObserved(cache);
  report?.add(own, namespace);
  const stop = cache.on(({ type }) => type === 'closed' && ended());
  const ended = (): void => {
    stop();
    report?.closed(own, namespace);
  };
  const watched = observeCache(cache, {
    observe: ({ operation, ms, error }) => {
      if (operation === 'close' && error === undefined) ended();
      report?.duration.record(ms / 1000, {
        'cache.operation': operation,
        'cache.namespace': namespace,
        ...(error !== undefined && { 'error.type': typeOf(error) }),
      });
    },
    ...(tracer && { around: spansOf(tracer, namespace, options) }),
  });
  sinks.set(watched, new Set([...known, ...[tracer, meter].filter((sink) => sink !== undefined)]));
  return watched;
}

type Around = NonNullable<Observer['around']>;

function spansOf(tracer: TelemetryTracer, namespace: string, options: TelemetryOptions): Around {
  return (operation, keys, run) =>
    tracer.startActiveSpan(
      `cache.${operation}`,
      {
        kind: CLIENT,
        attributes: { ...attributesOf(operation, keys, options), 'cache.namespace': namespace },
      },
      async (span) => {
        try {
          const { result, observation } = await run();
          const { hits, misses, source } = observation;
          if (hits.length + misses.length > 0)
            span.setAttributes({
              'cache.hits': hits.length,
              'cache.misses': misses.length,
              ...(source && { 'cache.source': source }),
            });
          return result;
        } catch (error) {
          span.recordException(error instanceof Error ? error : new Error(String(error)));
          span.setStatus({
            code: ERROR,
            message: error instanceof Error ? error.message : String(error),
          });
          throw error;
        } finally {
          span.end();
        }
      },
    );
}

function attributesOf(
  operation: string,
  keys: readonly string[],
  options: TelemetryOptions,
): TelemetryAttributes {
  const [only] = keys;
  return {
    'db.system.name': 'redis',
    'db.operation.name': operation,
    'db.operation.batch.size': keys.length,
    ...(options.keys && keys.length === 1 && only !== undefined && { 'cache.key': only }),
  };
}

const typeOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
