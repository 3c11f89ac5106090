/** Metrics as data, and as the text that Prometheus reads. */

export interface MetricSample {
  /** `name="value"` pairs, escaped, without braces. */
  readonly labels: string;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of a histogram or summary. */
  readonly suffix?: string;
}

/** A metric with its samples, as Prometheus names the parts. */
export interface MetricFamily {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

export function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}

/** With `labels` before each sample's own. Families without a sample are left out. */
export function exposition(
  families: readonly MetricFamily[],
  labels: Readonly<Record<string, string>> = {},
): string {
  const common = labelsOf(labels);
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(({ labels: own, value, suffix = '' }) => {
          const all = [common, own].filter((part) => part !== '').join(',');
          return `${name}${suffix}${all === '' ? '' : `{${all}}`} ${value}`;
        }),
        '',
      ].join('\n'),
    )
    .join('');
}
