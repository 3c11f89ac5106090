/** Reads a metric of a cache from its Prometheus text. Pure. */

/** Returns the sum over all series of a metric; null if the metric has no series. */
export function metricValue(text: string, metric: string): number | null {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(metric) && /^[{ ]/.test(line.slice(metric.length)))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}
