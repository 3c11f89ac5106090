/**
 * Files of Prometheus, Alertmanager and the certificate probe: the same rules and configuration as for local processes.
 * Pure, except that it reads the probe's program.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderAlertmanager, renderPrometheus } from '../../observability/prometheus-conf.ts';
import { renderRules } from '../../observability/rules.ts';
import type { Address } from '../../topology.ts';
import { schemeOf } from './observability-files.ts';
import type { DockerPlan, PlannedContainer } from './plan.ts';

export const PROMETHEUS_CONFIGURATION = 'prometheus.yml';
export const ALERTMANAGER_CONFIGURATION = 'alertmanager.yml';
export const PROBE_PROGRAM = 'certificate-probe.mjs';
export const PROBE_CONFIGURATION = 'probe.json';

const RULES = 'rules.yml';
const OBSERVABILITY_DIR = join(import.meta.dirname, '../../observability');

type Files = ReadonlyMap<string, string>;

/** Returns the files by configuration volume; empty without `observability.prometheus`. */
export function monitoringTexts(plan: DockerPlan): ReadonlyMap<string, Files> {
  const { environment, monitoring } = plan;
  if (monitoring === undefined) return new Map();
  const { prometheus, alertmanager, probe } = monitoring;
  return new Map<string, Files>([
    [
      prometheus.configVolume,
      new Map([
        [PROMETHEUS_CONFIGURATION, prometheusConfiguration(plan, monitoring)],
        [RULES, renderRules(environment)],
      ]),
    ],
    [alertmanager.configVolume, new Map([[ALERTMANAGER_CONFIGURATION, renderAlertmanager(environment)]])],
    ...(probe === undefined ? [] : [[probe.configVolume, probeTexts(plan, probe)] as const]),
  ]);
}

function prometheusConfiguration(
  plan: DockerPlan,
  { alertmanager, probe }: NonNullable<DockerPlan['monitoring']>,
): string {
  const { environment, exporter, nodes } = plan;
  return renderPrometheus({
    environment,
    // Addresses instead of names: a certificate from the user's own authority may cover only the addresses.
    nodes: nodes.map(({ id, node, address }) => ({
      id,
      role: node.role,
      target: `${schemeOf(plan)}://${address.host}:${address.port}`,
    })),
    exporter: inNetwork(exporter),
    alertmanager: inNetwork(alertmanager),
    certificateProbe: probe && inNetwork(probe),
    ruleFiles: [`/kit/${RULES}`],
  });
}

function probeTexts({ nodes }: DockerPlan, { address }: PlannedContainer): Files {
  const configuration = {
    listen: { host: '0.0.0.0', port: address.port },
    nodes: nodes.map((node) => ({ id: node.id, ...node.address })),
  };
  return new Map([
    [PROBE_PROGRAM, readFileSync(join(OBSERVABILITY_DIR, PROBE_PROGRAM), 'utf8')],
    [PROBE_CONFIGURATION, `${JSON.stringify(configuration, null, 2)}\n`],
  ]);
}

/** Returns the address of a service for containers on the same engine, with and without `hosts`. */
const inNetwork = ({ container, address }: PlannedContainer): Address => ({
  host: container,
  port: address.port,
});
