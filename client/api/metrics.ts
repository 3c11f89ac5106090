/** The public types of metrics. */

/** One sample of a metric. */
export interface MetricSample {
  /** Labels as `name="value"` pairs, escaped, without braces. */
  readonly labels: string;
  readonly value: number;
  /** Suffix of the sample's name in a histogram or summary: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
}

/** A Prometheus metric with its samples. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly samples: readonly MetricSample[];
}
