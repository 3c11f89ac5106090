/**
 * Watches the alerts of an environment with a real Prometheus of the trial: the environment's own one, if it has any, has
 * longer intervals and notifies people.
 *
 *   rules, configuration ─▶ files ─▶ exporter, Alertmanager, Prometheus, on free loopback ports
 *   cases                ─▶ files ─▶ promtool test rules
 *
 * Left out: the certificate probe, so alerts about certificates are only tested by promtool.
 */
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KitError } from '../../config/errors.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { cleanUpAtDeath, openTemporaryDir } from '../../infra/host/death-guard.ts';
import { endAtExit } from '../../infra/host/exit-hooks.ts';
import { makePrivateDir, writePrivate } from '../../infra/host/private-files.ts';
import { findProgram, isInstalled, runProgram, startDaemon } from '../../infra/host/process.ts';
import { alertCases } from '../../infra/observability/alert-cases.ts';
import { exporterArguments, exporterPasswords } from '../../infra/observability/exporter.ts';
import {
  renderAlertmanager,
  renderPrometheus,
  type ScrapedNode,
} from '../../infra/observability/prometheus-conf.ts';
import { renderRuleTests } from '../../infra/observability/rule-tests.ts';
import { renderRules, rulesOf } from '../../infra/observability/rules.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { findObservabilityPrograms } from '../../infra/substrates/local/observability-programs.ts';
import { type Address, nodesOf } from '../../infra/topology.ts';
import { waitUntil } from '../wait.ts';
import type { ActiveAlert, AlertWatch } from '../workloads/scripted/alert-watch.ts';
import { artifactPath } from './artifact-path.ts';
import type { TrialContext } from './context.ts';

const HOST = '127.0.0.1';
/** Interval of the scrapes, in seconds: the shortest that the environment's schema allows. */
const SCRAPE_SECONDS = 1;
/** Time limit, in ms, for a program to answer. Prometheus takes 1 s on an idle machine. */
const READY_BOUND_MS = 60_000;
const REQUEST_TIMEOUT_MS = 5_000;
const PROMTOOL_TIMEOUT_MS = 60_000;

/** Returns the reason why this machine cannot watch alerts; undefined if it can. */
export function missingAlertPrograms(): string | undefined {
  const missing = [
    ...['prometheus', 'promtool'].filter((name) => !isInstalled(name)),
    ...(['prometheus-alertmanager', 'alertmanager'].some(isInstalled) ? [] : ['alertmanager']),
    ...(['redis_exporter', 'go', 'prometheus-redis-exporter'].some(isInstalled) ? [] : ['redis_exporter']),
  ];
  if (missing.length === 0) return undefined;
  const packages = 'prometheus, prometheus-alertmanager, prometheus-redis-exporter';
  return `this machine cannot evaluate alerts: ${missing.join(', ')} not found in PATH (packages ${packages})`;
}

/** Starts the programs; resolves when they answer. @throws KitError `OBSERVABILITY_PROGRAM_MISSING`, `WAIT_TIMEOUT` */
export async function watchAlerts(
  context: TrialContext,
  application: Address,
): Promise<AlertWatch & AsyncDisposable> {
  const dir = openTemporaryDir(join(tmpdir(), 'kit-drill-alerts-'));
  const closers: (() => Promise<void>)[] = [async () => dir[Symbol.dispose]()];
  const end = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const watch = await startPrograms({ context, closers, dir: dir.path }, application);
    return { ...watch, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Owner {
  readonly context: TrialContext;
  /** Functions that end what was started, called in reverse order. */
  readonly closers: (() => Promise<void>)[];
  /** Folder of the programs. */
  readonly dir: string;
}

async function startPrograms(owner: Owner, application: Address): Promise<AlertWatch> {
  const { context, dir } = owner;
  const { environment, signal, progress } = context;
  const programs = await findObservabilityPrograms({ stateDir: context.stateDir ?? dir, progress, signal });
  const watched = watchedConfig(environment, application);
  const nodes = await scrapedNodes(environment);
  const [exporter, alertmanager, prometheus] = await freeAddresses();
  const file = (name: string, text: string): string => {
    writePrivate(join(dir, name), text);
    return join(dir, name);
  };

  const password = environment.passwords?.secrets().redis.exporter.reveal() ?? '';
  const passwords = file('passwords.json', JSON.stringify(exporterPasswords(nodes, password)));
  const { tls } = environment.endpoints;
  const ca = tls && file('ca.crt', tls.ca);
  const asked = exporterArguments(watched, { passwords, ca });
  await startPart(owner, { part: 'exporter', address: exporter, command: programs.exporter, args: asked });

  const routes = [
    `--config.file=${file('alertmanager.yml', renderAlertmanager(watched))}`,
    ...[`--storage.path=${join(dir, 'alertmanager')}`, '--cluster.listen-address='],
  ];
  const { alertmanager: command } = programs;
  await startPart(owner, { part: 'alertmanager', address: alertmanager, command, args: routes });

  const ruleFiles = [file('rules.yml', renderRules(watched))];
  const conf = renderPrometheus({ environment: watched, nodes, exporter, alertmanager, ruleFiles });
  const scrapes = [
    `--config.file=${file('prometheus.yml', conf)}`,
    `--storage.tsdb.path=${join(dir, 'prometheus', 'data')}`,
  ];
  await startPart(owner, {
    ...{ part: 'prometheus', address: prometheus, command: programs.prometheus, args: scrapes },
  });
  return {
    rules: rulesOf(watched).alerts.map(({ alert }) => alert),
    tested: alertCases(watched).map(({ alert }) => alert),
    active: () => activeAlerts(prometheus),
    delivered: () => receivedAlerts(alertmanager),
    hasScrapedAll: () => hasScrapedAll(prometheus, environment),
    testRules: () => testRules(context, watched, dir),
  };
}

/** The environment's settings for alerts, with the shortest interval and without a webhook. */
function watchedConfig({ topology }: Environment, { host, port }: Address): EnvironmentConfig {
  const { webhook: _unused, ...observability } = topology.environment.observability;
  return {
    ...topology.environment,
    observability: {
      ...observability,
      scrapeIntervalSeconds: SCRAPE_SECONDS,
      applications: [`${host}:${port}`],
    },
  };
}

async function scrapedNodes(environment: Environment): Promise<readonly ScrapedNode[]> {
  const scheme = environment.endpoints.tls === undefined ? 'redis' : 'rediss';
  const statuses = await environment.status();
  return nodesOf(environment.topology).map(({ id, role }) => {
    const address = statuses.find((status) => status.id === id)?.address;
    if (address === undefined) {
      throw new KitError(`${id} has no address`, { code: 'NODE_UNREACHABLE', where: environment.name });
    }
    return { id, role, target: `${scheme}://${address.host}:${address.port}` };
  });
}

interface Part {
  readonly part: string;
  readonly address: Address;
  readonly command: string;
  readonly args: readonly string[];
}

/** Starts a program, which ends with the trial and with this process, and waits until it answers. */
async function startPart(
  { context, closers, dir }: Owner,
  { part, address, command, args }: Part,
): Promise<void> {
  const folder = join(dir, part);
  makePrivateDir(folder);
  const listen = `--web.listen-address=${address.host}:${address.port}`;
  const logPath = artifactPath(context, `${part}.log`);
  const daemon = startDaemon({ command, args: [...args, listen], cwd: folder, logPath });
  const cancel = endAtExit(daemon);
  const dismiss = cleanUpAtDeath(folder, daemon.pid);
  closers.push(async () => {
    if (daemon.running) process.kill(daemon.pid, 'SIGKILL');
    await daemon.ended;
    cancel();
    dismiss();
  });
  const path = part === 'exporter' ? '/health' : '/-/ready';
  const hasAnswered = async () => !daemon.running || (await request(address, path)).ok;
  await waitUntil(`${part} to answer`, hasAnswered, { boundMs: READY_BOUND_MS, signal: context.signal });
  if (daemon.running) return;
  throw new KitError(`${part} ended at its start`, { code: 'OBSERVABILITY_PROGRAM_ENDED', where: logPath });
}

/** Returns three free addresses. Their ports are occupied at the same time, so that they differ. */
async function freeAddresses(): Promise<readonly [Address, Address, Address]> {
  const held = await Promise.all([holdPort(), holdPort(), holdPort()]);
  await Promise.all(held.map(({ release }) => release()));
  const [first, second, third] = held;
  return [first.address, second.address, third.address];
}

async function holdPort() {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const release = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { address: { host: HOST, port }, release };
}

function request({ host, port }: Address, path: string): Promise<Response> {
  return fetch(`http://${host}:${port}${path}`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
}

async function activeAlerts(prometheus: Address): Promise<readonly ActiveAlert[]> {
  const { data } = (await (await request(prometheus, '/api/v1/alerts')).json()) as {
    readonly data: {
      readonly alerts: readonly {
        readonly labels: { readonly alertname: string };
        readonly state: ActiveAlert['state'];
      }[];
    };
  };
  return data.alerts.map(({ labels, state }) => ({ alert: labels.alertname, state }));
}

async function receivedAlerts(alertmanager: Address): Promise<ReadonlySet<string>> {
  const alerts = (await (await request(alertmanager, '/api/v2/alerts')).json()) as readonly {
    readonly labels: { readonly alertname: string };
  }[];
  return new Set(alerts.map(({ labels }) => labels.alertname));
}

/** Whether every node replied to a scrape and the first recording rule has a value per Redis node. */
async function hasScrapedAll(prometheus: Address, { topology }: Environment): Promise<boolean> {
  const samples = async (query: string) => {
    const reply = await request(prometheus, `/api/v1/query?query=${encodeURIComponent(query)}`);
    const { data } = (await reply.json()) as { readonly data: { readonly result: readonly unknown[] } };
    return data.result.length;
  };
  const nodes = await samples('redis_up == 1');
  const roles = await samples('kit:redis_is_master');
  const metrics = await samples('cache_redis_breaker_state');
  return nodes >= nodesOf(topology).length && roles === topology.redis.length && metrics === 1;
}

async function testRules({ signal }: TrialContext, watched: EnvironmentConfig, dir: string) {
  const { rules, tests } = renderRuleTests(watched, 'tested-rules.yml');
  writePrivate(join(dir, 'tested-rules.yml'), rules);
  writePrivate(join(dir, 'rule-tests.yml'), tests);
  const { exitCode, stdout, stderr } = await runProgram({
    command: (await findProgram('promtool')) ?? 'promtool',
    args: ['test', 'rules', 'rule-tests.yml'],
    cwd: dir,
    timeoutMs: PROMTOOL_TIMEOUT_MS,
    signal,
  });
  return { exitCode, output: stdout + stderr };
}
