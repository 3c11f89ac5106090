/**
 * The parts of `@opentelemetry/api` that the client uses. The package is not imported, and any compatible tracer and
 * meter can be used.
 */

/** Attributes of a span or a measurement. */
export type TelemetryAttributes = Record<string, string | number | boolean>;

/** The part of an OpenTelemetry Span that is used here. */
export interface TelemetrySpan {
  setAttributes(attributes: TelemetryAttributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: Error): void;
  end(): void;
}
/** The part of an OpenTelemetry Tracer that is used here. */
export interface TelemetryTracer {
  startActiveSpan<R>(
    name: string,
    options: { readonly kind?: number; readonly attributes?: TelemetryAttributes },
    run: (span: TelemetrySpan) => R,
  ): R;
}
/** The part of an OpenTelemetry Meter that is used here. */
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
