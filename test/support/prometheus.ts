/** A real Prometheus with its Alertmanager: starts both for environments that run neither, and queries both. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type PrometheusInput,
  renderAlertmanager,
  renderPrometheus,
} from '../../infra/observability/prometheus-conf.ts';
import { renderRules } from '../../infra/observability/rules.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Topology } from '../../infra/topology.ts';
import { findFreePort, waitUntil } from './redis-process.ts';

/** True if Prometheus, Alertmanager and an exporter are available on this machine. */
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

const HOST = '127.0.0.1';

/**
 * Starts Prometheus and Alertmanager on this machine, with the rules and the configuration that the kit renders for the
 * environment. Returns before the first scrape.
 *
 * @param scraped the nodes and the exporter, as Prometheus reaches them
 */
export async function startPrometheus(
  topology: Topology,
  scraped: Pick<PrometheusInput, 'nodes' | 'exporter'>,
): Promise<Watched & AsyncDisposable> {
  const { environment } = topology;
  const dir = mkdtempSync(join(tmpdir(), 'kit-test-prometheus-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const [port, alertmanagerPort] = await Promise.all([findFreePort(HOST), findFreePort(HOST)]);
  const alertmanager = { host: HOST, port: alertmanagerPort };
  const ruleFiles = [file('rules.yml', renderRules(environment))];
  const conf = file('prometheus.yml', renderPrometheus({ environment, ...scraped, alertmanager, ruleFiles }));
  const start = (program: string, args: readonly string[]) => {
    const child = spawn(program, [...args, '--log.level=error'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    return async () => {
      process.off('exit', kill);
      kill();
      await ended;
    };
  };
  const ends = [
    start('prometheus-alertmanager', [
      `--config.file=${file('alertmanager.yml', renderAlertmanager(environment))}`,
      `--storage.path=${join(dir, 'alertmanager')}`,
      `--web.listen-address=${HOST}:${alertmanagerPort}`,
      '--cluster.listen-address=',
    ]),
    start('prometheus', [
      `--config.file=${conf}`,
      `--storage.tsdb.path=${join(dir, 'prometheus')}`,
      `--web.listen-address=${HOST}:${port}`,
    ]),
  ];
  return {
    topology,
    access: { prometheus: `http://${HOST}:${port}`, alertmanager: `http://${HOST}:${alertmanagerPort}` },
    [Symbol.asyncDispose]: async () => {
      for (const end of ends) await end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

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

/** Names of the alerts that Alertmanager has received. */
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
    async () => (await samplesOf(environment, 'kit:redis_is_master')) === nodes,
  );
}

async function samplesOf({ access }: Watched, query: string): Promise<number> {
  const url = `${access?.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`;
  const { data } = (await read(url)) as { readonly data: { readonly result: readonly unknown[] } };
  return data.result.length;
}
