/** Provides the metrics as data and in the Prometheus text format. */

import { ConfigurationError } from '../api/errors.ts';
import type { MetricFamily } from '../api/metrics.ts';

/** Metric families for one namespace: those of a cache, its server and its loaders. */
export interface NamespaceFamilies {
  readonly namespace: string;
  readonly families: readonly MetricFamily[];
}

export function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}

/** Formats families as text, with `labels` before the labels of each sample. Omits families without samples. */
export function renderExposition(
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

/**
 * Merges the families of several namespaces: each metric appears once, with a `namespace` label on its samples.
 * Concatenating two results of `renderExposition` is not valid, because Prometheus requires all samples of a metric to
 * be in one group.
 *
 * @throws ConfigurationError if two groups have the same namespace, because their samples could not be distinguished
 */
export function mergeFamilies(groups: readonly NamespaceFamilies[]): readonly MetricFamily[] {
  const seen = new Set<string>();
  const families = new Map<string, MetricFamily>();
  for (const { namespace, families: own } of groups) {
    if (seen.has(namespace)) throw sameNamespace(namespace);
    seen.add(namespace);
    const label = labelsOf({ namespace });
    for (const family of own) {
      const before = families.get(family.name);
      const samples = family.samples.map((sample) => ({
        ...sample,
        labels: sample.labels === '' ? label : `${label},${sample.labels}`,
      }));
      families.set(family.name, { ...(before ?? family), samples: [...(before?.samples ?? []), ...samples] });
    }
  }
  return [...families.values()];
}

export function sameNamespace(namespace: string): ConfigurationError {
  return new ConfigurationError(
    `namespace: ${JSON.stringify(namespace)} is used by two caches, but only the namespace distinguishes their metrics; give each cache a different namespace`,
  );
}
