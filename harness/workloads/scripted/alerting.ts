/**
 * Causes failures and watches the alerts in a real Prometheus, with the environment's rules and scrapes of 1 s. Each
 * alert must fire while its failure lasts, and clear once the failure is healed. All rules, including those whose failure
 * is not caused here, are tested by promtool on series that follow from the limits of the environment.
 *
 *   application, nodes ─▶ exporter ─▶ Prometheus ─▶ active alerts ─▶ Alertmanager
 *     ▲ proxy down, metrics not served, nodes killed or suspended, switchover
 *
 * `npm run bench -- alerts` causes the failure of every rule.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { renderMetrics } from '../../../client/extras/metrics/index.ts';
import type { Cache } from '../../../client/index.ts';
import type { Heal } from '../../../infra/substrates/environment.ts';
import type { Address } from '../../../infra/topology.ts';
import { pause } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import type { AlertWatch } from './alert-watch.ts';
import { defineScript, equals, type MasterProxy, type ScriptContext } from './script.ts';

const defaults = {
  /** Pause between two operations of the application, in ms. */
  operationMs: 20,
  scrapedBoundMs: 60_000,
  /** Time limits, in ms. The longest `for` is 4 s; a failover alert clears after 20 s. */
  fireBoundMs: 45_000,
  clearBoundMs: 60_000,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

interface Setting {
  readonly context: Context;
  readonly watch: AlertWatch;
  readonly application: Application;
  readonly proxy: MasterProxy;
}

export const alerting = defineScript({
  name: 'alerting',
  defaults,
  async run(context) {
    const { open, retire, proxyBeforeMaster, watchAlerts, environment } = context;
    const proxy = await proxyBeforeMaster();
    const { breaker } = context.spec.settings;
    const cache = open({ breaker: { ...breaker, enabled: true } }, proxy);
    await cache.ping();
    const application = await startApplication(context, cache);
    try {
      const watch = await watchAlerts(application.address);
      const setting: Setting = { context, watch, application, proxy };
      await expectRulesTested(setting);
      await expectQuiet(setting);
      await cutOffApplication(setting);
      await stopNodeAndMetrics(setting);
      // The proxies are in front of the present masters, so the application ends before these change.
      await application.end();
      await retire(cache);
      if (environment.topology.sentinels.length > 0) {
        await stopSentinelsAndMaster(setting);
        await changeMaster(setting);
      }
    } finally {
      await application.end();
      await application.hide();
    }
  },
});

async function expectRulesTested({ context: { expect }, watch }: Setting): Promise<void> {
  const tested = new Set(watch.tested);
  expect('rules/covered', 'alert rules without a test', {
    ...equals(
      [],
      watch.rules.filter((rule) => !tested.has(rule)),
    ),
  });
  const { exitCode, output } = await watch.testRules();
  expect('rules/tested', 'exit code of promtool test rules, and its output if it fails', {
    ...equals([0, ''], [exitCode, exitCode === 0 ? '' : output.slice(-2_000)]),
  });
}

/** Waits for the first scrapes. An alert that fires before its failure would prove nothing. */
async function expectQuiet({ context, watch }: Setting): Promise<void> {
  const { awaitCondition, expect, parameters } = context;
  const { scrapedBoundMs } = parameters;
  const isScraped = await awaitCondition('scrapes of all nodes', () => watch.hasScrapedAll(), scrapedBoundMs);
  const caused = new Set([
    'CacheBreakerOpen',
    'MetricsMissing',
    'RedisNodeDown',
    ...REPLICA,
    ...QUORUM,
    ...MASTER,
  ]);
  let early: readonly string[] = [];
  const isQuiet = async () => {
    early = (await firingOf(watch)).filter((alert) => caused.has(alert));
    return early.length === 0;
  };
  const isWithout = await awaitCondition(
    'no alert before the first failure',
    isQuiet,
    parameters.clearBoundMs,
  );
  expect('quiet', 'whether every node was scraped, and no alert fires before its failure; such alerts', {
    ...equals([true, true, []], [isScraped, isWithout, early]),
  });
}

const REPLICA = ['RedisReplicasMissing'];
const QUORUM = ['RedisSentinelDown', 'RedisNoQuorum'];
const MASTER = ['RedisNoMaster', 'RedisFailover'];

async function firingOf(watch: AlertWatch): Promise<readonly string[]> {
  const active = await watch.active();
  return [...new Set(active.filter(({ state }) => state === 'firing').map(({ alert }) => alert))];
}

/** Records whether the alerts fire; returns when all of them do, or at the time limit. */
async function expectFired({ context, watch }: Setting, ...alerts: readonly string[]): Promise<void> {
  const { awaitCondition, expect, parameters } = context;
  const fired = alerts.map(async (alert) => {
    const isFiring = async () => (await firingOf(watch)).includes(alert);
    const has = await awaitCondition(`${alert} to fire`, isFiring, parameters.fireBoundMs);
    expect(`fired/${alert}`, `${alert} fires while its failure lasts`, equals(true, has));
  });
  await Promise.all(fired);
}

/** Records whether the alerts are inactive again. */
async function expectCleared({ context, watch }: Setting, ...alerts: readonly string[]): Promise<void> {
  const { awaitCondition, expect, parameters } = context;
  const cleared = alerts.map(async (alert) => {
    const isInactive = async () => (await watch.active()).every((active) => active.alert !== alert);
    const has = await awaitCondition(`${alert} to clear`, isInactive, parameters.clearBoundMs);
    expect(`cleared/${alert}`, `${alert} clears once its failure is healed`, equals(true, has));
  });
  await Promise.all(cleared);
}

/** The application cannot reach Redis, and its circuit breaker opens. */
async function cutOffApplication(setting: Setting): Promise<void> {
  const { context, proxy, watch } = setting;
  await proxy.down();
  try {
    await expectFired(setting, 'CacheBreakerOpen');
    const isDelivered = async () => (await watch.delivered()).has('CacheBreakerOpen');
    const { fireBoundMs } = context.parameters;
    const delivered = await context.awaitCondition('the alert in Alertmanager', isDelivered, fireBoundMs);
    context.expect('delivered', 'whether Alertmanager receives the alert', equals(true, delivered));
  } finally {
    await proxy.reset();
  }
  await expectCleared(setting, 'CacheBreakerOpen');
}

/** A replica is killed, or the only node; at the same time, the application does not serve its metrics. */
async function stopNodeAndMetrics(setting: Setting): Promise<void> {
  const { context, application } = setting;
  const { inject, environment } = context;
  const node = await nodeToStop(context);
  const { kind } = environment.topology.environment.topology;
  const alerts = ['RedisNodeDown', 'MetricsMissing', ...(kind === 'single' ? ['RedisNoMaster'] : REPLICA)];
  const heal = await inject('kill', [node]);
  try {
    await application.hide();
    await expectFired(setting, ...alerts);
  } finally {
    await heal();
    await application.show();
  }
  await expectCleared(setting, ...alerts);
}

/** Returns a node that replicates from another one; if there is none, the only node. */
async function nodeToStop({ onEachNode, environment }: Context): Promise<string> {
  const roles = await onEachNode(async (redis) =>
    String(((await redis.call('ROLE')) as readonly unknown[])[0]),
  );
  const replica = Object.keys(roles).find((id) => roles[id] === 'slave');
  return replica ?? environment.topology.redis[0]?.id ?? '';
}

/** All sentinels but one are killed; then the master is suspended, which no sentinel can replace. */
async function stopSentinelsAndMaster(setting: Setting): Promise<void> {
  const { inject, environment, masterId } = setting.context;
  const [, ...others] = environment.topology.sentinels.map(({ id }) => id);
  const heals: Heal[] = [await inject('kill', others)];
  try {
    await expectFired(setting, ...QUORUM);
    heals.unshift(await inject('pause', [await masterId()]));
    await expectFired(setting, 'RedisNoMaster');
  } finally {
    for (const heal of heals) await heal();
  }
  await expectCleared(setting, ...QUORUM, 'RedisNoMaster');
}

/** A planned switchover, which the rule reports like any other failover. */
async function changeMaster(setting: Setting): Promise<void> {
  const { inject, caughtUp } = setting.context;
  await caughtUp();
  await inject('planned-switch');
  await expectFired(setting, 'RedisFailover');
  await expectCleared(setting, 'RedisFailover');
}

interface Application {
  readonly address: Address;
  /** Stops serving metrics. Safe to call twice. */
  hide(): Promise<void>;
  /** Serves metrics again, at the same address. */
  show(): Promise<void>;
  /** Ends the operations; the metrics are still served. Safe to call twice. */
  end(): Promise<void>;
}

/** Starts an application that reads and writes continuously, and serves the metrics of its cache. */
async function startApplication(
  { tag, remember, parameters, signal }: Context,
  cache: Cache,
): Promise<Application> {
  const key = `alerting:${tag}`;
  remember(cache.physicalKey(key));
  const server = createServer((_request, response) => void response.end(renderMetrics([cache])));
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const over = new AbortController();
  const stopped = AbortSignal.any([signal, over.signal]);
  const running = (async () => {
    while (!stopped.aborted) {
      await Promise.allSettled([cache.set(key, 1, { ttlSeconds: 60 }), cache.get(key)]);
      await pause(parameters.operationMs, stopped).catch(() => undefined);
    }
  })();
  return {
    address: { host: '127.0.0.1', port },
    hide: close,
    show: () => listen(port),
    async end() {
      over.abort();
      await running;
    },
  };
}
