/** Outputs of a deployed environment for clients and the harness: addresses and files, never a secret. Pure. */

import { hostAndPort } from '../../topology.ts';
import { type ClientEndpoints, MODE_OF } from '../environment.ts';
import { COMMANDER_USER, scrapeTarget } from './observability-files.ts';
import type { DockerPlan } from './plan.ts';

export interface OutputNode {
  readonly role: 'redis' | 'sentinel';
  /** Name of the node's host; absent without `hosts`. */
  readonly host?: string;
  readonly container: string;
  /** Announced address, which nodes and sentinels use. */
  readonly address: string;
  /** Address for clients on this host. */
  readonly published: string;
}

export interface Outputs {
  readonly environment: string;
  readonly mode: ClientEndpoints['mode'];
  readonly service_name: string;
  /** `true` or `false`, as text: `cdktf output` prints nothing for a boolean. */
  readonly tls: string;
  readonly nodes: Readonly<Record<string, OutputNode>>;
  /** Maps `ip:port` in the data network to `host:port` on this host, like natMap in ioredis. */
  readonly nat_map: Readonly<Record<string, string>>;
  /** URL of the master's metrics. */
  readonly exporter_url: string;
  /** Base URL for the metrics of any node: append `?target=` and one of the targets (by node id). */
  readonly scrape_url: string;
  readonly scrape_targets: Readonly<Record<string, string>>;
  readonly commander_url: string;
  readonly commander_user: string;
  /** Path of a file with mode 0600 on the machine that deployed. */
  readonly commander_password_file: string;
  /** Base URLs, without a slash at the end; only with `observability.prometheus`. */
  readonly prometheus_url?: string;
  readonly alertmanager_url?: string;
  readonly secrets_file: string;
  /** Path of the CA certificate as PEM; only with TLS. */
  readonly ca_file?: string;
}

/** Paths in the outputs. */
export interface OutputFiles {
  readonly secrets: string;
  readonly commanderPassword: string;
  readonly ca: string;
}

export function outputsOf(plan: DockerPlan, files: OutputFiles): Outputs {
  const { environment, exporter, commander } = plan;
  return {
    environment: environment.name,
    mode: MODE_OF[environment.topology.kind],
    service_name: environment.topology.serviceName,
    tls: String(environment.security.tls),
    nodes: outputNodes(plan),
    nat_map: Object.fromEntries(
      plan.nodes.map(({ address, published }) => [hostAndPort(address), hostAndPort(published)]),
    ),
    exporter_url: `http://${hostAndPort(exporter.published)}/metrics`,
    scrape_url: `http://${hostAndPort(exporter.published)}/scrape`,
    scrape_targets: Object.fromEntries(plan.nodes.map((node) => [node.id, scrapeTarget(plan, node)])),
    commander_url: `http://${hostAndPort(commander.published)}/`,
    commander_user: COMMANDER_USER,
    commander_password_file: files.commanderPassword,
    ...monitoringUrls(plan),
    secrets_file: files.secrets,
    ...(environment.security.tls ? { ca_file: files.ca } : {}),
  };
}

function monitoringUrls({ monitoring }: DockerPlan): Pick<Outputs, 'prometheus_url' | 'alertmanager_url'> {
  if (monitoring === undefined) return {};
  return {
    prometheus_url: `http://${hostAndPort(monitoring.prometheus.published)}`,
    alertmanager_url: `http://${hostAndPort(monitoring.alertmanager.published)}`,
  };
}

/** Describes a difference between the deployed Prometheus and the planned one; undefined if there is none. */
export function monitoringDifference(deployed: Outputs, plan: DockerPlan): string | undefined {
  const planned = monitoringUrls(plan);
  const isSame =
    deployed.prometheus_url === planned.prometheus_url &&
    deployed.alertmanager_url === planned.alertmanager_url;
  return isSame ? undefined : 'observability.prometheus, or the ports of Prometheus and Alertmanager';
}

/** Returns the names, addresses and ports of the nodes. Different values mean a different environment. */
export function outputNodes({ nodes }: DockerPlan): Outputs['nodes'] {
  return Object.fromEntries(
    nodes.map(({ id, node, engine, container, address, published }) => [
      id,
      {
        role: node.role,
        ...(engine && { host: engine.host }),
        container,
        address: hostAndPort(address),
        published: hostAndPort(published),
      },
    ]),
  );
}
