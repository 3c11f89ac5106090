/** What a deployed environment tells a client or the harness: where everything is, never a secret. Pure. */
import { type ClientEndpoints, MODE_OF } from '../environment.ts';
import type { Address } from '../topology.ts';
import type { DockerPlan } from './plan.ts';

export interface OutputNode {
  readonly role: 'redis' | 'sentinel';
  readonly container: string;
  /** Announced: what nodes and sentinels call it. */
  readonly address: string;
  /** What a client on this host calls it. */
  readonly published: string;
}

export interface Outputs {
  readonly environment: string;
  readonly mode: ClientEndpoints['mode'];
  readonly service_name: string;
  readonly tls: boolean;
  readonly nodes: Readonly<Record<string, OutputNode>>;
  /** `ip:port` in the data network to `host:port` on this host: ioredis's natMap. */
  readonly nat_map: Readonly<Record<string, string>>;
  readonly exporter_url: string;
  readonly commander_url: string;
  /** File of mode 0600 on the machine that deployed. */
  readonly secrets_file: string;
}

const text = ({ host, port }: Address): string => `${host}:${port}`;

export function outputsOf(plan: DockerPlan, secretsFile: string): Outputs {
  const { environment, nodes, exporter, commander } = plan;
  return {
    environment: environment.name,
    mode: MODE_OF[environment.topology.kind],
    service_name: environment.topology.serviceName,
    tls: environment.security.tls,
    nodes: Object.fromEntries(
      nodes.map(({ id, node, container, address, published }) => [
        id,
        { role: node.role, container, address: text(address), published: text(published) },
      ]),
    ),
    nat_map: Object.fromEntries(nodes.map(({ address, published }) => [text(address), text(published)])),
    exporter_url: `http://${text(exporter.published)}/metrics`,
    commander_url: `http://${text(commander.published)}/`,
    secrets_file: secretsFile,
  };
}
