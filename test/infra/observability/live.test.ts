/**
 * A real Prometheus with the real exporter: a fault fires its alert, healing the fault clears it, and `kit down` leaves
 * no process behind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canaryFamilies } from '../../../canary/metrics/families.ts';
import { memoryCache } from '../../../client/index.ts';
import { rulesOf } from '../../../infra/observability/rules.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import {
  alertsOf,
  awaitAlert,
  awaitFirstScrapes,
  hasPrometheus,
  metricNames,
  receivedAlerts,
} from '../../support/prometheus.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { configuration, listPidsBelow, temporaryStateDir } from '../substrates/local/fixtures.ts';

const state = temporaryStateDir();
const substrate = localSubstrate({ stateDir: state.path });
const base = configuration('alerts');
const config = {
  ...base,
  observability: { ...base.observability, prometheus: true, scrapeIntervalSeconds: 1 },
};
let environment: Environment;

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

/**
 * Returns the metrics that a PromQL expression reads: the names that are followed by a selector. Every expression of
 * the kit selects an environment, so each metric has a selector.
 */
function metricsIn(expr: string): readonly string[] {
  const withoutStrings = expr.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  return [...withoutStrings.matchAll(/([A-Za-z_:][\w:]*)\{/g)].map(([, name]) => name ?? '');
}

describe.runIf(hasPrometheus)(
  `a local environment with Prometheus${hasPrometheus ? '' : ' [skipped: not installed]'}`,
  () => {
    beforeAll(async () => {
      environment = await substrate.apply(planTopology(config), { ephemeral: true });
      await awaitFirstScrapes(environment);
    });
    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    });

    it('reports the addresses of its parts, all of which are on loopback', () => {
      const { exporter, alertmanager, prometheus } = environment.access ?? {};
      for (const address of [exporter, alertmanager, prometheus]) expect(address).toMatch(/^http:\/\/127\./);
    });

    it('scrapes every metric that the rules and the dashboard read', async () => {
      const dashboard = JSON.parse(
        readFileSync('infra/observability/grafana/redis-cache.json', 'utf8'),
      ) as Dashboard;
      const { recording, alerts } = rulesOf(config);
      const expressions = [
        ...[...recording, ...alerts].map(({ expr }) => expr),
        ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
        ...dashboard.annotations.list.map(({ expr }) => expr),
      ];
      const cache = memoryCache({ namespace: 'metrics' });
      await cache.set('key', 1);
      const ofClient = cache
        .metricFamilies()
        .flatMap(({ name }) => [name, `${name}_bucket`, `${name}_count`]);
      await cache.close();
      const known = new Set([
        ...(await metricNames(environment)),
        ...recording.map(({ record }) => record),
        ...ofClient,
        ...canaryFamilies('flag', undefined).map(({ name }) => name),
        // Prometheus itself creates the first metric while an alert is active; the certificate probe provides the
        // second if TLS is on.
        ...['ALERTS', 'kit_certificate_not_after_seconds'],
      ]);
      const read = new Set(expressions.flatMap(metricsIn));
      expect(read.size).toBeGreaterThan(30);
      expect([...read].filter((name) => !known.has(name))).toEqual([]);
    });

    it('fires the alert for a killed replica, and clears it after the fault is healed', async () => {
      await environment.capabilities.kill?.('redis-3');
      await awaitAlert(environment, 'RedisReplicasMissing', 'firing', 60_000);
      const [firing] = await alertsOf(environment, 'RedisReplicasMissing');
      expect(firing).toMatchObject({
        labels: { severity: 'warning', environment: 'alerts', node: 'redis-1' },
        annotations: {
          summary: 'redis-1 has 1 of 2 replicas.',
          runbook: 'docs/runbook.md#replica-will-not-sync',
        },
      });
      await waitUntil('Alertmanager to have the alert', async () =>
        (await receivedAlerts(environment)).includes('RedisReplicasMissing'),
      );
      await environment.capabilities.start?.('redis-3');
      await awaitAlert(environment, 'RedisReplicasMissing', 'gone', 60_000);
    });

    it('stops all of its processes together with the environment', async () => {
      const dir = join(state.path, 'environments', 'alerts');
      expect(listPidsBelow(dir).length).toBeGreaterThan(8);
      await environment[Symbol.asyncDispose]();
      expect(listPidsBelow(dir)).toEqual([]);
    });
  },
);
