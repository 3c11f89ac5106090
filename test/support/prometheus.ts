/** Queries the Prometheus and the Alertmanager of an environment. */
import { spawnSync } from 'node:child_process';
import type { Environment } from '../../infra/substrates/environment.ts';
import { waitUntil } from './redis-process.ts';

/** True if Prometheus and Alertmanager are available on this machine. */
export const hasPrometheus = ['prometheus', 'prometheus-alertmanager'].every(
  (name) => spawnSync(name, ['--version']).error === undefined,
);

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** An environment with the addresses of the Prometheus and the Alertmanager that watch it. */
export type Watched = Pick<Environment, 'access' | 'topology'>;

async function read(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return response.json();
}

/** Alerts in Prometheus with the given name. */
export async function alertsOf({ access }: Watched, name: string): Promise<readonly ActiveAlert[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/alerts`)) as {
    readonly data: { readonly alerts: readonly ActiveAlert[] };
  };
  return data.alerts.filter(({ labels }) => labels.alertname === name);
}

/** Scraped targets by job, each with its health: `up`, `down` or `unknown`. */
export async function scrapedTargets({
  access,
}: Watched): Promise<readonly { readonly job: string; readonly health: string }[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/targets?state=active`)) as {
    readonly data: {
      readonly activeTargets: readonly {
        readonly labels: { readonly job: string };
        readonly health: string;
      }[];
    };
  };
  return data.activeTargets.map(({ labels: { job }, health }) => ({ job, health }));
}

/** Names of the recording and alert rules that Prometheus has loaded, in the order of evaluation. */
export async function loadedRules({ access }: Watched): Promise<readonly string[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/rules`)) as {
    readonly data: { readonly groups: readonly { readonly rules: readonly { readonly name: string }[] }[] };
  };
  return data.groups.flatMap(({ rules }) => rules.map(({ name }) => name));
}

/** Waits until an alert fires, or until it no longer exists. */
export async function awaitAlert(
  environment: Watched,
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
export async function metricNames({ access }: Watched): Promise<readonly string[]> {
  const { data } = (await read(`${access?.prometheus}/api/v1/label/__name__/values`)) as {
    readonly data: readonly string[];
  };
  return data;
}

/** Names of the alerts that Alertmanager has received and that are not resolved. */
export async function receivedAlerts({ access }: Watched): Promise<readonly string[]> {
  const alerts = (await read(`${access?.alertmanager}/api/v2/alerts`)) as readonly Pick<
    ActiveAlert,
    'labels'
  >[];
  return alerts.map(({ labels }) => labels.alertname ?? '');
}

/**
 * Waits until the rules have evaluated a scrape of every node. Prometheus discovers its targets 5 s after its start.
 */
export async function awaitFirstScrapes(environment: Watched): Promise<void> {
  const nodes = environment.topology.redis.length;
  await waitUntil(
    'the first scrapes',
    async () => (await samplesOf(environment, 'kit:redis_is_master').catch(() => 0)) === nodes,
  );
}

/** Number of series that a query returns. @param at seconds since 1970; default: now */
export async function samplesOf({ access }: Watched, query: string, at?: number): Promise<number> {
  const time = at === undefined ? '' : `&time=${at}`;
  const url = `${access?.prometheus}/api/v1/query?query=${encodeURIComponent(query)}${time}`;
  const { data } = (await read(url)) as { readonly data: { readonly result: readonly unknown[] } };
  return data.result.length;
}
