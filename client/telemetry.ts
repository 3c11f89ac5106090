/**
 * OpenTelemetry: a span for each operation, and the statistics as metrics. The tracer and the meter are the user's, from
 * `@opentelemetry/api`; nothing is imported here, and what is not given is not reported.
 */
import { observed } from './observed.ts';
import type { Cache } from './types.ts';

/** Of the API's Attributes what is used here. */
export type TelemetryAttributes = Record<string, string | number | boolean>;

/** Of the API's Span what is used here. */
export interface TelemetrySpan {
  setAttributes(attributes: TelemetryAttributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: Error): void;
  end(): void;
}
/** Of the API's Tracer what is used here. */
export interface TelemetryTracer {
  startActiveSpan<R>(
    name: string,
    options: { readonly kind?: number; readonly attributes?: TelemetryAttributes },
    run: (span: TelemetrySpan) => R,
  ): R;
}
/** Of the API's Meter what is used here. */
export interface TelemetryMeter {
  createHistogram(
    name: string,
    options: { readonly description: string; readonly unit: string },
  ): { record(value: number, attributes?: TelemetryAttributes): void };
  createObservableCounter(
    name: string,
    options: { readonly description: string },
  ): {
    addCallback(
      report: (result: { observe(value: number, attributes?: TelemetryAttributes): void }) => void,
    ): void;
  };
}

/** What is reported to whom. */
export interface TelemetryOptions {
  /** Gets a span for each operation. Default: no spans. */
  readonly tracer?: TelemetryTracer;
  /** Gets the statistics and a histogram of durations in seconds. Default: no metrics. */
  readonly meter?: TelemetryMeter;
  /** Put keys into spans (`cache.key`); default false: keys may hold what traces should not. */
  readonly keys?: boolean;
}

/** SpanKind.CLIENT and SpanStatusCode.ERROR of the API. */
const CLIENT = 2;
const ERROR = 2;

const COUNTERS = {
  hits: 'Reads that found a valid value.',
  misses: 'Reads that found none.',
  errors: 'Operations that Redis failed or refused.',
  writes: 'Values written.',
  deletes: 'Keys deleted.',
  purged: 'Invalid payloads purged.',
  loads: 'Calls of loaders.',
  stale: 'Stale values returned.',
} as const;

/** The same cache, reporting. Use what it returns instead of the cache. */
export function withTelemetry(cache: Cache, options: TelemetryOptions): Cache {
  const { tracer, meter } = options;
  const duration = meter?.createHistogram('cache.operation.duration', {
    description: 'Time to the answer, by operation.',
    unit: 's',
  });
  for (const [name, description] of Object.entries(COUNTERS))
    meter?.createObservableCounter(`cache.${name}`, { description }).addCallback((result) => {
      result.observe(cache.stats()[name as keyof typeof COUNTERS]);
    });
  return observed(cache, {
    observe: (observation) => {
      duration?.record(observation.ms / 1000, {
        'cache.operation': observation.operation,
        ...(observation.error !== undefined && { 'error.type': typeOf(observation.error) }),
      });
    },
    ...(tracer && {
      around: (operation, keys, run) =>
        tracer.startActiveSpan(
          `cache.${operation}`,
          { kind: CLIENT, attributes: attributesOf(operation, keys, options) },
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
        ),
    }),
  });
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
