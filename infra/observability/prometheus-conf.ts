/** Configuration of Prometheus and Alertmanager for one environment, as YAML. Pure. */
import { stringify } from 'yaml';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { type Address, hostAndPort } from '../topology.ts';
import { durationOf } from './rule.ts';

/** Address at which the exporter reaches a Redis node or sentinel: `redis://127.80.1.1:6379`. */
export interface ScrapedNode {
  readonly id: string;
  readonly role: 'redis' | 'sentinel';
  readonly target: string;
}

export interface PrometheusInput {
  readonly environment: EnvironmentConfig;
  readonly nodes: readonly ScrapedNode[];
  readonly exporter: Address;
  readonly alertmanager: Address;
  /** Address of the certificate probe; absent without TLS. */
  readonly certificateProbe?: Address | undefined;
  /** Paths from which Prometheus reads the rules. */
  readonly ruleFiles: readonly string[];
}

/** Maximum duration of a scrape, in s; also the Prometheus default. */
const MAX_SCRAPE_SECONDS = 10;

/**
 * Metrics that the exporter reports about itself. On Docker, its `/metrics` also contains the master's metrics, which
 * would count as an additional node: the split-brain alert would see two masters.
 */
const OWN_METRICS = '(redis_exporter|go|process|promhttp)_.*';

export function renderPrometheus(input: PrometheusInput): string {
  const { environment, exporter, alertmanager, certificateProbe, ruleFiles } = input;
  const { scrapeIntervalSeconds, applications } = environment.observability;
  const interval = durationOf(scrapeIntervalSeconds);
  const job = (job_name: string, targets: readonly string[]) => ({
    job_name,
    static_configs: [{ targets, labels: { environment: environment.name } }],
  });
  return stringify(
    {
      global: {
        scrape_interval: interval,
        evaluation_interval: interval,
        scrape_timeout: durationOf(Math.min(scrapeIntervalSeconds, MAX_SCRAPE_SECONDS)),
      },
      rule_files: ruleFiles,
      alerting: { alertmanagers: [{ static_configs: [{ targets: [hostAndPort(alertmanager)] }] }] },
      scrape_configs: [
        nodeJob('redis', input),
        ...(environment.topology.sentinels > 0 ? [nodeJob('sentinel', input)] : []),
        {
          ...job('exporter', [hostAndPort(exporter)]),
          metric_relabel_configs: [{ source_labels: ['__name__'], regex: OWN_METRICS, action: 'keep' }],
        },
        job('alertmanager', [hostAndPort(alertmanager)]),
        ...(certificateProbe === undefined ? [] : [job('certificates', [hostAndPort(certificateProbe)])]),
        ...(applications.length === 0 ? [] : [job('application', applications)]),
      ],
    },
    { lineWidth: 0 },
  );
}

/**
 * Returns the scrape job for a role. One exporter serves all nodes, so the address of the node becomes a parameter of
 * the scrape request.
 */
function nodeJob(role: ScrapedNode['role'], { environment, nodes, exporter }: PrometheusInput) {
  return {
    job_name: role,
    metrics_path: '/scrape',
    static_configs: nodes
      .filter((node) => node.role === role)
      .map(({ id, target }) => ({
        targets: [target],
        labels: { environment: environment.name, node: id, instance: id },
      })),
    relabel_configs: [
      { source_labels: ['__address__'], target_label: '__param_target' },
      { target_label: '__address__', replacement: hostAndPort(exporter) },
    ],
  };
}

/** Groups the alerts by cause, and posts them to the webhook if there is one. */
export function renderAlertmanager({ observability }: EnvironmentConfig): string {
  const { webhook } = observability;
  const receiver = { name: 'default', ...(webhook && { webhook_configs: [{ url: webhook }] }) };
  return stringify({
    route: { receiver: 'default', group_by: ['environment', 'severity'], group_wait: '10s' },
    receivers: [receiver],
    // Suppresses alerts about missing replicas while a node is down.
    inhibit_rules: [
      {
        source_matchers: ['alertname="RedisNodeDown"'],
        target_matchers: ['alertname=~"RedisReplicasMissing|RedisReplicaLag"'],
        equal: ['environment'],
      },
    ],
  });
}

/**
 * Returns the maximum time, in seconds, that the exporter waits for a node, so that a hung node does not make the whole
 * scrape fail.
 */
export const exporterTimeoutSeconds = ({ observability }: EnvironmentConfig): number =>
  Math.min(observability.scrapeIntervalSeconds / 2, 5);
