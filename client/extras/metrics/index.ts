/**
 * Metrics of caches and their servers: as Prometheus text, or in a registry of prom-client.
 *
 * @module metrics
 */

export type { MetricFamily, MetricSample } from '../../api/metrics.ts';
export { type PrometheusRegistry, registerMetrics } from './prom-client.ts';
export { type CacheWithSources, collectMetrics, type MetricSource, renderMetrics } from './server.ts';
