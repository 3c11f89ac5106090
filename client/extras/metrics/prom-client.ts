/**
 * Registers the metrics of caches in a prom-client registry, together with the metrics of the application. The user
 * provides the registry; prom-client is not imported. When the registry is scraped, it calls each metric's `get`.
 * Several caches can share a registry: each metric is registered once and contains the samples of all caches, with a
 * `namespace` label.
 */

import type { MetricFamily } from '../../api/metrics.ts';
import type { Cache } from '../../api/types.ts';
import { mergeFamilies, type NamespaceFamilies, sameNamespace } from '../../cache/exposition.ts';
import { assertCache, assertMethods } from '../../options/arguments.ts';
import { unwrapObserved } from '../observed.ts';
import { assertSources, collectFamilies, type MetricSource, namespaceOf } from './server.ts';

/** The part of prom-client's Registry that is used here. */
export interface PrometheusRegistry {
  /** Registers a metric. */
  registerMetric(metric: never): void;
  /**
   * Returns the metric with this name; undefined if it is not registered, for example after the registry was cleared.
   */
  getSingleMetric?(name: string): unknown;
}

interface RegisteredMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  get(): Promise<unknown>;
}

/** Metric families that are registered even if they have no samples yet. */
const LATER: readonly Pick<MetricFamily, 'name' | 'type' | 'help'>[] = [
  { name: 'cache_redis_latency_seconds', type: 'histogram', help: 'Time until Redis replies, by operation.' },
];

/**
 * Time, in ms, for which collected metrics are reused: prom-client queries each metric separately, and all queries of
 * one scrape share one result.
 */
const SHARED_MS = 100;

const registrations = new WeakMap<PrometheusRegistry, Registration>();

/**
 * Registers the metrics of a cache, its server and additional sources. prom-client reads them at each scrape. More
 * caches may be registered in the same registry, each with its own namespace. A cache that is already registered is not
 * counted twice.
 *
 * @returns a function that removes the cache; a closed cache is removed automatically
 * @throws ConfigurationError if another open cache with this namespace is registered, or an argument has the wrong type
 */
export async function registerMetrics(
  cache: Cache,
  registry: PrometheusRegistry,
  sources: readonly MetricSource[] = [],
): Promise<() => void> {
  assertCache(cache);
  assertMethods('registry', registry, ['registerMetric'], 'a prom-client registry');
  assertSources(sources);
  const registration = registrations.get(registry) ?? new Registration(registry);
  registrations.set(registry, registration);
  return registration.add(cache, sources);
}

interface Member {
  readonly cache: Cache;
  readonly sources: readonly MetricSource[];
}

class Registration {
  readonly #registry: PrometheusRegistry;
  /** Caches by namespace. */
  readonly #members = new Map<string, Member>();
  readonly #names = new Set<string>();
  #answer: Promise<readonly MetricFamily[]> = Promise.resolve([]);
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(registry: PrometheusRegistry) {
    this.#registry = registry;
  }

  async add(cache: Cache, sources: readonly MetricSource[]): Promise<() => void> {
    const namespace = namespaceOf(cache);
    const known = this.#members.get(namespace);
    if (known !== undefined && unwrapObserved(known.cache) !== unwrapObserved(cache))
      throw sameNamespace(namespace);
    const member = { cache, sources };
    this.#members.set(namespace, member);
    const remove = (): void => {
      stop();
      if (this.#members.get(namespace) === member) this.#members.delete(namespace);
    };
    const stop = cache.on(({ type }) => type === 'closed' && remove());
    for (const family of [...LATER, ...(await collectFamilies(cache, sources))]) this.#register(family);
    this.#answeredAt = Number.NEGATIVE_INFINITY;
    return remove;
  }

  #register({ name, type, help }: Pick<MetricFamily, 'name' | 'type' | 'help'>): void {
    const { getSingleMetric } = this.#registry;
    // A registry that has been cleared no longer contains the metric.
    const isThere = getSingleMetric === undefined || getSingleMetric.call(this.#registry, name) !== undefined;
    if (this.#names.has(name) && isThere) return;
    this.#names.add(name);
    const metric: RegisteredMetric = {
      name,
      help,
      type,
      get: async () => {
        const samples = (await this.#latest()).find((family) => family.name === name)?.samples ?? [];
        const values = samples.map(({ labels, suffix = '', value }) => ({
          value,
          labels: parseLabels(labels),
          ...(suffix !== '' && { metricName: `${name}${suffix}` }),
        }));
        return { name, help, type, values, aggregator: 'sum' };
      },
    };
    this.#registry.registerMetric(metric as never);
  }

  #latest(): Promise<readonly MetricFamily[]> {
    if (performance.now() - this.#answeredAt > SHARED_MS) {
      this.#answer = this.#collect();
      this.#answeredAt = performance.now();
    }
    return this.#answer;
  }

  async #collect(): Promise<readonly MetricFamily[]> {
    const groups = [...this.#members].map(
      async ([namespace, { cache, sources }]): Promise<NamespaceFamilies> => ({
        namespace,
        families: await collectFamilies(cache, sources),
      }),
    );
    return mergeFamilies(await Promise.all(groups));
  }
}

/** Parses the labels of a sample. */
function parseLabels(labels: string): Record<string, string> {
  return Object.fromEntries(
    [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
      name as string,
      (value as string).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
    ]),
  );
}
