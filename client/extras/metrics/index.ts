/**
 * Metrics of caches and their servers: as Prometheus text, or in a prom-client registry.
 *
 * @module metrics
 */

export type { MetricFamily, MetricSample } from '../../api/metrics.ts';
export { type PrometheusRegistry, registerMetrics } from './prom-client.ts';
export { type CacheWithSources, collectMetrics, type MetricSource, renderMetrics } from './server.ts';
