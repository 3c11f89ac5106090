/**
 * Prometheus and Alertmanager on Docker (`observability.prometheus`), with TLS: each container fault fires its alerts,
 * healing it clears them, and turning the setting off removes both without replacing a node.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { rulesOf } from '../../../../infra/observability/rules.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { docker, inspectContainers, tryDocker } from '../../../../infra/substrates/docker/engine.ts';
import { partsOf } from '../../../../infra/substrates/docker/ownership.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import type { Environment, Heal } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import {
  alertsOf,
  awaitAlert,
  awaitFirstScrapes,
  loadedRules,
  metricNames,
  receivedAlerts,
  samplesOf,
  scrapedTargets,
} from '../../../support/prometheus.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

/** Maximum time, in ms, until an alert fires or clears on a busy machine. */
const ALERT_MS = 120_000;
const base = configuration('alerted', { security: { tls: true } }, 29_500);
const config = environmentSchema.parse({
  ...base,
  observability: { ...base.observability, prometheus: true, scrapeIntervalSeconds: 2 },
  docker: { ports: { ...base.docker.ports, prometheus: 29_522, alertmanager: 29_523 } },
});
const topology = planTopology(config);
const plan = planDocker(topology);
const state = engineStateDir();
const substrate = dockerSubstrate({ stateDir: state.path });
let environment: Environment;
let master: string;
let replica: string;

const fire = (...names: readonly string[]) =>
  Promise.all(names.map((name) => awaitAlert(environment, name, 'firing', ALERT_MS)));
const clear = (...names: readonly string[]) =>
  Promise.all(names.map((name) => awaitAlert(environment, name, 'gone', ALERT_MS)));
/** Nodes that an alert names. */
const nodesIn = async (alert: string) =>
  (await alertsOf(environment, alert)).map(({ labels }) => labels.node);
const containerOf = (id: string) => plan.nodes.find((node) => node.id === id)?.container ?? '';
/** Ids of the containers of the nodes. */
async function nodeContainers(): Promise<ReadonlyMap<string, string>> {
  const found = await inspectContainers(plan.nodes);
  return new Map([...found].map(([name, { Id }]) => [name, Id]));
}
/** Waits until Alertmanager has the alert, or does not have it. */
const awaitReceived = (alert: string, isReceived: boolean) =>
  waitUntil(
    `Alertmanager to have ${isReceived ? '' : 'no longer '}${alert}`,
    async () => (await receivedAlerts(environment)).includes(alert) === isReceived,
    ALERT_MS,
  );
/** Suspends nodes in this order; healing resumes them in the reverse order. */
async function suspend(...ids: readonly string[]): Promise<() => Promise<void>> {
  const heals: Heal[] = [];
  for (const id of ids) {
    const heal = await environment.capabilities.pause?.(id);
    if (heal !== undefined) heals.unshift(heal);
  }
  return async () => {
    for (const heal of heals) await heal();
  };
}

describeOnEngine('Prometheus on the engine', () => {
  beforeAll(async () => {
    environment = await substrate.apply(topology, { ephemeral: true });
    await awaitFirstScrapes(environment);
    master = (await environment.masterId()) ?? '';
    replica = topology.redis.find(({ id }) => id !== master)?.id ?? '';
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    expect(await partsOf(config.name)).toEqual([]);
    state[Symbol.dispose]();
  });

  it('scrapes every node and service, and has loaded every rule', async () => {
    const isUp = async () => (await scrapedTargets(environment)).every(({ health }) => health === 'up');
    await waitUntil('every target to be up', isUp);
    expect((await scrapedTargets(environment)).map(({ job }) => job).sort()).toEqual([
      ...['alertmanager', 'certificates', 'exporter'],
      ...['redis', 'redis', 'redis', 'sentinel', 'sentinel', 'sentinel'],
    ]);
    const { recording, alerts } = rulesOf(config);
    expect(await loadedRules(environment)).toEqual([
      ...recording.map(({ record }) => record),
      ...alerts.map(({ alert }) => alert),
    ]);
    expect(await metricNames(environment)).toContain('kit_certificate_not_after_seconds');
  });

  it('is deployed as planned, and a second plan changes nothing', async () => {
    // A failed health check is retried every 10 s.
    await waitUntil('no drift', async () => (await findDrift(plan, state.path)).length === 0);
    expect((await terraformPlan(config, { stateDir: state.path })).changes).toBe(false);
  });

  it('a stopped replica fires RedisNodeDown and RedisReplicasMissing; starting it clears both', async () => {
    // The exporter's own metrics include those of the master, which must not count as a second master.
    await clear('RedisSplitBrain', 'MetricsMissing', 'RedisNodeDown', 'RedisReplicasMissing');
    const id = (await nodeContainers()).get(containerOf(replica)) ?? '';
    await docker(['stop', '--time', '20', id]);
    await fire('RedisNodeDown', 'RedisReplicasMissing');
    expect(await nodesIn('RedisNodeDown')).toEqual([replica]);
    expect(await alertsOf(environment, 'RedisReplicasMissing')).toEqual([
      expect.objectContaining({
        labels: expect.objectContaining({ severity: 'warning', environment: 'alerted', node: master }),
        annotations: {
          summary: `${master} has 1 of 2 replicas.`,
          runbook: 'docs/runbook.md#replica-will-not-sync',
        },
      }),
    ]);
    await awaitReceived('RedisReplicasMissing', true);
    await docker(['start', id]);
    await clear('RedisNodeDown', 'RedisReplicasMissing');
    await awaitReceived('RedisReplicasMissing', false);
  });

  it('a hung master without a quorum fires RedisNoMaster, RedisNoQuorum and RedisNodeDown; resuming it clears them', async () => {
    const resume = await suspend('sentinel-2', 'sentinel-3', master);
    try {
      await fire('RedisNoMaster', 'RedisNoQuorum', 'RedisNodeDown', 'RedisSentinelDown');
      expect(await nodesIn('RedisNodeDown')).toEqual([master]);
    } finally {
      await resume();
    }
    await clear('RedisNoMaster', 'RedisNoQuorum', 'RedisNodeDown', 'RedisSentinelDown');
    expect(await environment.masterId()).toBe(master);
  });

  it('a master that cannot save fires RedisPersistenceFailing; the master stays reachable and its container healthy', async () => {
    // The sentinels would replace a master that replies MISCONF to PING.
    const resume = await suspend('sentinel-2', 'sentinel-3');
    const inContainer = (script: string) => docker(['exec', containerOf(master), 'sh', '-c', script]);
    const redis = await environment.admin(master);
    const pingReply = () => redis.ping().catch((error: Error) => error.message);
    try {
      // A snapshot cannot replace a directory.
      await inContainer('rm -f /data/dump.rdb && mkdir -p /data/dump.rdb/occupied');
      await redis.bgsave();
      await waitUntil('it refuses PING', async () => (await pingReply()).startsWith('MISCONF'));
      await fire('RedisPersistenceFailing');
      expect(await nodesIn('RedisPersistenceFailing')).toEqual([master]);
      const health = await tryDocker(['exec', containerOf(master), 'kit-node', 'health']);
      expect(health).toMatchObject({ exitCode: 0 });
      await using other = (await substrate.open(topology)) as Environment;
      expect(String(await (await other.admin(master)).call('ROLE'))).toMatch(/^master/);
    } finally {
      await inContainer('rm -rf /data/dump.rdb');
      await redis.bgsave();
      await resume();
    }
    await clear('RedisPersistenceFailing');
    expect(await pingReply()).toBe('PONG');
  });

  it('metrics survive the replacement of the container', async () => {
    const isMaster = 'kit:redis_is_master';
    const before = Math.floor(Date.now() / 1_000);
    expect(await samplesOf(environment, isMaster, before)).toBe(topology.redis.length);
    const container = plan.monitoring?.prometheus.container ?? '';
    await docker(['rm', '--force', container]);
    await using change = await substrate.prepareChange?.(topology, {});
    expect(change).toMatchObject({ changes: [], parts: [container] });
    await change?.finish(() => {});
    await awaitFirstScrapes(environment);
    expect(await samplesOf(environment, isMaster, before)).toBe(topology.redis.length);
  });

  it('turning the setting off removes Prometheus and its data, and replaces no node', async () => {
    const before = await nodeContainers();
    const observability = { ...config.observability, prometheus: false };
    const without = planTopology(environmentSchema.parse({ ...config, observability }));
    await expect(substrate.apply(without, { ephemeral: true })).rejects.toMatchObject({
      code: 'ENVIRONMENT_CHANGED',
      message: expect.stringContaining('observability.prometheus'),
      hint: expect.stringContaining('kit apply'),
    });
    const surplus = (await findDrift(planDocker(without), state.path)).filter(
      ({ kind }) => kind === 'container-too-many',
    );
    expect(surplus.map(({ what, nextApply }) => `${what}: ${nextApply}`).sort()).toEqual(
      ['alertmanager', 'certificate-probe', 'prometheus'].map((id) => `kit-alerted-${id}: removes it`),
    );
    await using change = await substrate.prepareChange?.(without, {});
    expect(change).toMatchObject({ changes: [], settings: [expect.stringContaining('prometheus')] });
    await change?.finish(() => {});
    expect(await nodeContainers()).toEqual(before);
    const left = (await partsOf(config.name)).map(({ name }) => name);
    expect(left).toContain(plan.exporter.container);
    expect(left.filter((name) => /prometheus|alertmanager|probe/.test(name))).toEqual([]);
  });
});
