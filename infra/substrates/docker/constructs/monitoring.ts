/**
 * Prometheus, Alertmanager and, with TLS, the certificate probe: `observability.prometheus`.
 *
 *   nodes ◀─ exporter ◀─ Prometheus ─▶ Alertmanager ─▶ webhook
 *   nodes ◀─ probe ◀───────┘
 */
import type { Container } from '@cdktf/provider-docker/lib/container/index.js';
import { Construct } from 'constructs';
import {
  ALERTMANAGER_CONFIGURATION,
  PROBE_CONFIGURATION,
  PROBE_PROGRAM,
  PROMETHEUS_CONFIGURATION,
} from '../monitoring-files.ts';
import type { PlannedMonitoring, StoringService } from '../plan.ts';
import type { Node } from './node.ts';
import { sideService } from './side-service.ts';
import type { StackParts } from './stack-parts.ts';

export class Monitoring extends Construct {
  readonly containers: readonly Container[];

  constructor(
    scope: Construct,
    id: string,
    parts: StackParts,
    { planned, after }: { readonly planned: PlannedMonitoring; readonly after: readonly Node[] },
  ) {
    super(scope, id);
    const { prometheus, alertmanager, probe } = planned;
    const { retentionDays } = parts.plan.environment.observability;
    this.containers = [
      sideService(this, 'prometheus', parts, {
        planned: prometheus,
        storing: prometheus,
        image: 'prometheus',
        entrypoint: ['/bin/prometheus'],
        command: [
          `--config.file=/kit/${PROMETHEUS_CONFIGURATION}`,
          `--storage.tsdb.path=${prometheus.dataPath}`,
          `--storage.tsdb.retention.time=${retentionDays}d`,
          ...commonArguments(prometheus),
        ],
        after,
      }),
      sideService(this, 'alertmanager', parts, {
        planned: alertmanager,
        storing: alertmanager,
        image: 'alertmanager',
        entrypoint: ['/bin/alertmanager'],
        command: [
          `--config.file=/kit/${ALERTMANAGER_CONFIGURATION}`,
          `--storage.path=${alertmanager.dataPath}`,
          '--cluster.listen-address=',
          ...commonArguments(alertmanager),
        ],
        after,
      }),
      ...(probe === undefined
        ? []
        : [
            sideService(this, 'certificate-probe', parts, {
              planned: probe,
              image: 'commander',
              entrypoint: ['node', `/kit/${PROBE_PROGRAM}`],
              command: [`/kit/${PROBE_CONFIGURATION}`],
              // Reaps the child processes of health checks.
              init: true,
              after,
            }),
          ]),
    ];
  }
}

/** Returns the arguments that both programs have; links in alerts begin with the published address. */
const commonArguments = ({ address, published }: StoringService): readonly string[] => [
  `--web.listen-address=0.0.0.0:${address.port}`,
  `--web.external-url=http://${published.host}:${published.port}/`,
  '--log.level=warn',
];
