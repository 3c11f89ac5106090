/**
 * Alerts on Docker: a real Prometheus with the rules of the environment scrapes the exporter's container. Each
 * container fault fires its alerts, and healing it clears them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { docker, tryDocker } from '../../../../infra/substrates/docker/engine.ts';
import { scrapeTarget } from '../../../../infra/substrates/docker/observability-files.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment, Heal } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import {
  alertsOf,
  awaitAlert,
  awaitFirstScrapes,
  hasPrometheus,
  receivedAlerts,
  startPrometheus,
  type Watched,
} from '../../../support/prometheus.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

const NOWHERE = { path: '/nowhere', [Symbol.dispose]: () => {} };
/** Maximum time, in ms, until an alert fires or clears. */
const ALERT_MS = 60_000;
const base = configuration('alerted', {}, 29_500);
const config = environmentSchema.parse({
  ...base,
  observability: { ...base.observability, scrapeIntervalSeconds: 1 },
});
const topology = planTopology(config);
const plan = planDocker(topology);
let environment: Environment;
let watched: Watched & AsyncDisposable;

const fire = (...names: readonly string[]) =>
  Promise.all(names.map((name) => awaitAlert(watched, name, 'firing', ALERT_MS)));
const clear = (...names: readonly string[]) =>
  Promise.all(names.map((name) => awaitAlert(watched, name, 'gone', ALERT_MS)));
/** Nodes that an alert names. */
const nodesIn = async (alert: string) => (await alertsOf(watched, alert)).map(({ labels }) => labels.node);
const containerOf = (id: string) => plan.nodes.find((node) => node.id === id)?.container ?? '';
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

describeOnEngine('alerts on the engine', () => {
  describe.runIf(hasPrometheus)(`Prometheus${hasPrometheus ? '' : ' [skipped: not installed]'}`, () => {
    // The body of a skipped suite runs, but its hooks do not, so no hook would remove the directory.
    const state = hasPrometheus ? engineStateDir() : NOWHERE;
    const substrate = dockerSubstrate({ stateDir: state.path });
    let master: string;
    let replica: string;

    beforeAll(async () => {
      const nodes = plan.nodes.map((node) => ({
        id: node.id,
        role: node.node.role,
        target: scrapeTarget(plan, node),
      }));
      // Prometheus discovers its targets during the deploy.
      watched = await startPrometheus(topology, { nodes, exporter: plan.exporter.published });
      environment = await substrate.apply(topology, { ephemeral: true });
      await awaitFirstScrapes(watched);
      master = (await environment.masterId()) ?? '';
      replica = topology.redis.find(({ id }) => id !== master)?.id ?? '';
    });
    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      await watched?.[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    });

    it('a killed replica fires RedisNodeDown and RedisReplicasMissing; starting it clears both', async () => {
      // The exporter's own metrics include those of the master, which must not count as a second master.
      await clear('RedisSplitBrain', 'MetricsMissing', 'RedisNodeDown', 'RedisReplicasMissing');
      await environment.capabilities.kill?.(replica);
      await fire('RedisNodeDown', 'RedisReplicasMissing');
      expect(await nodesIn('RedisNodeDown')).toEqual([replica]);
      expect(await alertsOf(watched, 'RedisReplicasMissing')).toEqual([
        expect.objectContaining({
          labels: expect.objectContaining({ severity: 'warning', environment: 'alerted', node: master }),
          annotations: {
            summary: `${master} has 1 of 2 replicas.`,
            runbook: 'docs/runbook.md#replica-will-not-sync',
          },
        }),
      ]);
      await waitUntil('Alertmanager to have the alert', async () =>
        (await receivedAlerts(watched)).includes('RedisReplicasMissing'),
      );
      await environment.capabilities.start?.(replica);
      await clear('RedisNodeDown', 'RedisReplicasMissing');
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
  });
});
