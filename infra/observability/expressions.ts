/** Metrics that a PromQL expression reads. Pure. */

/**
 * Names in front of a selector or a range: every expression of the kit selects an environment, so each metric has a
 * selector.
 */
export function metricsIn(expr: string): readonly string[] {
  const withoutStrings = expr.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  return [...withoutStrings.matchAll(/([A-Za-z_:][\w:]*)\{/g)].map(([, name]) => name ?? '');
}
