/** Queries of a real Prometheus and its Alertmanager. */
import { spawnSync } from 'node:child_process';
import type { Environment } from '../../infra/substrates/environment.ts';
import { waitUntil } from './redis-process.ts';

/** True if Prometheus, Alertmanager and an exporter are available on this machine. */
export const hasPrometheus = ['prometheus', 'prometheus-alertmanager'].every(
  (name) => spawnSync(name, ['--version']).error === undefined,
);

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

async function read(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return response.json();
}

/** Alerts in Prometheus with the given name. */
export async function alertsOf({ access }: Environment, name: string): Promise<readonly ActiveAlert[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/alerts`)) as {
    readonly data: { readonly alerts: readonly ActiveAlert[] };
  };
  return data.alerts.filter(({ labels }) => labels.alertname === name);
}

/** Waits until an alert fires, or until it no longer exists. */
export async function awaitAlert(
  environment: Environment,
  name: string,
  state: 'firing' | 'gone',
  withinMs: number,
): Promise<void> {
  await waitUntil(
    `${name} to be ${state}`,
    async () => {
      const alerts = await alertsOf(environment, name);
      return state === 'gone' ? alerts.length === 0 : alerts.some((alert) => alert.state === 'firing');
    },
    withinMs,
  );
}

/** Names of all metrics for which Prometheus has a series. */
export async function metricNames({ access }: Environment): Promise<readonly string[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/label/__name__/values`)) as {
    readonly data: readonly string[];
  };
  return data;
}

/** Names of the alerts that Alertmanager has received. */
export async function receivedAlerts({ access }: Environment): Promise<readonly string[]> {
  const alerts = (await read(`${access?.alertmanager}/api/v2/alerts`)) as readonly Pick<
    ActiveAlert,
    'labels'
  >[];
  return alerts.map(({ labels }) => labels.alertname ?? '');
}

/**
 * Waits until the rules have evaluated a scrape of every node. Prometheus discovers its targets 5 s after its start.
 */
export async function awaitFirstScrapes(environment: Environment): Promise<void> {
  const nodes = environment.topology.redis.length;
  await waitUntil(
    'the first scrapes',
    async () => (await samplesOf(environment, 'kit:redis_is_master')) === nodes,
    30_000,
  );
}

async function samplesOf({ access }: Environment, query: string): Promise<number> {
  const url = `${access?.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`;
  const { data } = (await read(url)) as { readonly data: { readonly result: readonly unknown[] } };
  return data.result.length;
}
