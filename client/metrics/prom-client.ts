/**
 * The metrics in a registry of prom-client, beside the application's own. The registry is the user's; prom-client is not
 * imported. Its registry asks each metric by `get` when it is scraped.
 */
import type { Cache } from '../types.ts';
import type { MetricFamily } from './exposition.ts';
import { collectFamilies, type MetricSource, namespaceOf } from './server.ts';

/** Of prom-client's Registry what is used here. */
export interface PrometheusRegistry {
  /** Takes a metric. */
  registerMetric(metric: never): void;
}

interface RegisteredMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  get(): Promise<unknown>;
}

/** Families that exist only once something happened are registered too. */
const LATER: readonly Pick<MetricFamily, 'name' | 'type' | 'help'>[] = [
  { name: 'cache_redis_latency_seconds', type: 'histogram', help: 'Time to the answer, by operation.' },
];

/** Scrapes within this time share one answer: prom-client asks each metric by itself. */
const SHARED_MS = 100;

/** Registers the metrics of a cache, its server and further sources; prom-client asks for them at each scrape. */
export async function registerMetrics(
  cache: Cache,
  registry: PrometheusRegistry,
  sources: readonly MetricSource[] = [],
): Promise<void> {
  const namespace = namespaceOf(cache);
  let answer = collectFamilies(cache, sources);
  let answeredAt = performance.now();
  const latest = (): Promise<readonly MetricFamily[]> => {
    if (performance.now() - answeredAt > SHARED_MS) {
      answer = collectFamilies(cache, sources);
      answeredAt = performance.now();
    }
    return answer;
  };
  const known = new Map(
    [...LATER, ...(await latest())].map(({ name, type, help }) => [name, { name, type, help }]),
  );
  answeredAt = Number.NEGATIVE_INFINITY;
  for (const { name, type, help } of known.values()) {
    const metric: RegisteredMetric = {
      name,
      help,
      type,
      get: async () => {
        const samples = (await latest()).find((family) => family.name === name)?.samples ?? [];
        const values = samples.map(({ labels, suffix = '', value }) => ({
          value,
          labels: { namespace, ...parsed(labels) },
          ...(suffix !== '' && { metricName: `${name}${suffix}` }),
        }));
        return { name, help, type, values, aggregator: 'sum' };
      },
    };
    registry.registerMetric(metric as never);
  }
}

/** The labels of a sample, out of their text. */
function parsed(labels: string): Record<string, string> {
  return Object.fromEntries(
    [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
      name as string,
      (value as string).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
    ]),
  );
}
