/**
 * Proves alerts against a real Prometheus and the real exporter: for each fault, the time until its alerts fire, and
 * the time until they clear after the fault is healed.
 *
 *   npm run bench -- alerts [alert …]
 *
 * The rules come from `dev`, with a scrape interval of 1 s instead of 15 s: every `for` and window is a fifteenth.
 * Prints one Markdown row per alert, and a description of the machine. The exit code is 1 if an alert did not fire or
 * did not clear, or if an alert fired without a fault.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadEnvironment } from '../../config/load.ts';
import { rulesOf } from '../../infra/observability/rules.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { startApplication } from './application.ts';
import { LOAD_SCENARIOS } from './load-scenarios.ts';
import { NODE_SCENARIOS } from './node-scenarios.ts';
import type { Scenario, Subject } from './scenario.ts';

const POLL_MS = 100;
const QUIET_MS = 30_000;
/** Maximum time, in ms, until the condition is detected: a failover, a lag, or a rate over its window. */
const FIRE_BOUND_MS = 90_000;
const CLEAR_BOUND_MS = 60_000;
/** Maximum time, in ms, until the secondary effects of a fault, which other alerts report, have ended. */
const SETTLE_BOUND_MS = 15_000;

interface ActiveAlert {
  readonly labels: { readonly alertname: string };
  readonly state: string;
  readonly activeAt: string;
}

const asked = process.argv.slice(2);
const scenarios = [...NODE_SCENARIOS, ...LOAD_SCENARIOS].filter(
  ({ alerts }) => asked.length === 0 || alerts.some((alert) => asked.includes(alert)),
);
const port = await freePort();
const dev = loadEnvironment('dev');
const config = {
  ...dev,
  name: 'alert-proof',
  observability: {
    ...dev.observability,
    prometheus: true,
    scrapeIntervalSeconds: 1,
    applications: [`127.0.0.1:${port}`],
  },
};
const forMs = new Map(rulesOf(config).alerts.map(({ alert, forScrapes }) => [alert, forScrapes * 1_000]));
const stateDir = mkdtempSync(join(tmpdir(), 'kit-alerts-'));
try {
  const substrate = localSubstrate({ stateDir });
  await using environment = await substrate.apply(planTopology(config), { ephemeral: true });
  await using running = await startApplication(environment, config.client.namespace, port);
  const dir = join(stateDir, 'environments', config.name);
  const subject: Subject = { environment, dir, application: running.application, master };
  print(`load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores\n`);
  await sleep(10_000);
  if (asked.length === 0) await proveQuiet(environment);
  print(
    '| alert | fault | for | fault to firing | condition to firing | heal to cleared |\n|---|---|---|---|---|---|',
  );
  for (const scenario of scenarios) await prove(scenario, subject);
  print(`\nload average ${loadavg()[0]?.toFixed(1)}`);

  async function master() {
    for (;;) {
      const id = await environment.masterId();
      if (id !== undefined) return { id, redis: await environment.admin(id) };
      await sleep(POLL_MS);
    }
  }
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}

async function proveQuiet(environment: Environment): Promise<void> {
  const seen = new Set<string>();
  const end = performance.now() + QUIET_MS;
  while (performance.now() < end) {
    for (const { labels, state } of await activeAlerts(environment))
      if (state === 'firing') seen.add(labels.alertname);
    await sleep(1_000);
  }
  print(`without a fault, ${QUIET_MS / 1_000} s: ${seen.size === 0 ? 'no alert' : [...seen].join(', ')}\n`);
  if (seen.size > 0) process.exitCode = 1;
}

async function prove({ alerts, fault, inject }: Scenario, subject: Subject): Promise<void> {
  const { environment } = subject;
  const injected = performance.now();
  const heal = await inject(subject);
  const firing = await Promise.all(alerts.map((alert) => awaitFiring(environment, alert, injected)));
  await heal();
  const healed = performance.now();
  const cleared = await Promise.all(alerts.map((alert) => awaitGone(environment, alert, healed)));
  alerts.forEach((alert, i) => {
    const [fired, gone] = [firing[i], cleared[i]];
    if (fired === undefined || gone === undefined) process.exitCode = 1;
    const cells = [fired?.sinceFaultMs, fired?.sinceConditionMs, gone].map(seconds);
    print(`| ${alert} | ${fault} | ${seconds(forMs.get(alert))} | ${cells.join(' | ')} |`);
  });
  // The secondary effects of the fault, such as a failover or a replica synchronization, must end before the next
  // fault.
  await awaitAllGone(environment);
}

async function awaitFiring(environment: Environment, alert: string, injected: number) {
  const deadline = injected + FIRE_BOUND_MS;
  while (performance.now() < deadline) {
    const active = (await activeAlerts(environment)).find(
      ({ labels, state }) => labels.alertname === alert && state === 'firing',
    );
    if (active !== undefined) {
      return {
        sinceFaultMs: performance.now() - injected,
        sinceConditionMs: Date.now() - Date.parse(active.activeAt),
      };
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

async function awaitGone(
  environment: Environment,
  alert: string,
  healed: number,
): Promise<number | undefined> {
  while (performance.now() < healed + CLEAR_BOUND_MS) {
    const isActive = (await activeAlerts(environment)).some(({ labels }) => labels.alertname === alert);
    if (!isActive) return performance.now() - healed;
    await sleep(POLL_MS);
  }
  return undefined;
}

async function awaitAllGone(environment: Environment): Promise<void> {
  const deadline = performance.now() + SETTLE_BOUND_MS;
  while (performance.now() < deadline && (await activeAlerts(environment)).length > 0) await sleep(POLL_MS);
}

async function activeAlerts({ access }: Environment): Promise<readonly ActiveAlert[]> {
  const response = await fetch(`${access?.prometheus}/api/v1/alerts`);
  const { data } = (await response.json()) as { data: { alerts: readonly ActiveAlert[] } };
  return data.alerts;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '**never**' : `${(ms / 1_000).toFixed(1)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
