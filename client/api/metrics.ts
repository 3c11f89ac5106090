/** The public types of metrics. */

/** One sample of a metric. */
export interface MetricSample {
  /** `name="value"` pairs, escaped, without braces. */
  readonly labels: string;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of a histogram or summary. */
  readonly suffix?: string;
}

/** A metric with its samples, in the terms of Prometheus. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly samples: readonly MetricSample[];
}
