/** Finds the metrics that a PromQL expression reads. Pure. */

/**
 * Returns the names that are followed by a selector or a range. Every expression of the kit selects an environment, so
 * each metric has a selector.
 */
export function metricsIn(expr: string): readonly string[] {
  const withoutStrings = expr.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  return [...withoutStrings.matchAll(/([A-Za-z_:][\w:]*)\{/g)].map(([, name]) => name ?? '');
}
