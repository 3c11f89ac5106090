/** Files of the Prometheus exporter and of Redis Commander. Pure, except that it reads the exporter's script. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { exporterTimeoutSeconds } from '../../observability/prometheus-conf.ts';
import type { TlsTexts } from './certificates.ts';
import type { EnvironmentValues } from './generated-values.ts';
import { NODE_IMAGE_DIR } from './images.ts';
import { bootstrapOf, type DockerPlan, hasHosts, type PlannedNode, TLS_PATHS } from './plan.ts';

/**
 * Returns the exporter files. `/metrics` follows the master; in a cluster it serves the first node.
 * `/scrape?target=URL` accepts any node or sentinel, by its id, the name of its container, or its address in the data
 * network.
 */
export function exporterTexts(plan: DockerPlan, secrets: EnvironmentSecrets, tls: TlsTexts | undefined) {
  const scheme = schemeOf(plan);
  const passwords = plan.nodes.flatMap(({ node, address: { host, port }, ...names }) => [
    ...[host, names.id, names.container].map(
      (name) => [`${scheme}://exporter@${name}:${port}`, secrets.redis.exporter.reveal()] as const,
    ),
    // Targets in the format of earlier versions, in which the sentinels had no user `exporter`.
    ...(node.role === 'sentinel'
      ? [[`${scheme}://app@${host}:${port}`, secrets.sentinel.app.reveal()] as const]
      : []),
  ]);
  const sentinels = plan.nodes.filter(({ node }) => node.role === 'sentinel');
  const env = [
    `SCHEME='${scheme}'`,
    `BOOTSTRAP='${bootstrapOf(plan).address.host}:${bootstrapOf(plan).address.port}'`,
    `SENTINELS='${sentinels.map(({ address }) => `${address.host}:${address.port}`).join(' ')}'`,
    `TIMEOUT='${exporterTimeoutSeconds(plan.environment) * 1_000}ms'`,
    `TLS_ARGS='${tls === undefined ? '' : `--tls-ca-cert-file=${TLS_PATHS.ca}`}'`,
  ];
  return new Map([
    ['exporter.sh', readFileSync(join(NODE_IMAGE_DIR, 'exporter.sh'), 'utf8')],
    ['exporter.env', `${env.join('\n')}\n`],
    ['passwords.json', `${JSON.stringify(Object.fromEntries(passwords), null, 2)}\n`],
    ...(tls === undefined ? [] : [['tls/ca.crt', tls.ca] as const]),
  ]);
}

/** Returns the scheme of the exporter's targets. */
export const schemeOf = ({ environment }: DockerPlan): string =>
  environment.security.tls ? 'rediss' : 'redis';

/** Returns the target of `/scrape` for a node, by its id in `kit status`. */
export const scrapeTarget = (plan: DockerPlan, { id, address }: PlannedNode): string =>
  `${schemeOf(plan)}://${hasHosts(plan) ? address.host : id}:${address.port}`;

/** Name of the user that logs in to Redis Commander. */
export const COMMANDER_USER = 'admin';

export function commanderTexts(
  plan: DockerPlan,
  { secrets, commanderPassword: password }: EnvironmentValues,
  tls: TlsTexts | undefined,
): Map<string, string> {
  const sentinels = plan.nodes.filter(({ node }) => node.role === 'sentinel');
  const tlsOption = tls === undefined ? false : { ca: tls.ca };
  const user = { username: 'app', password: secrets.redis.app.reveal(), tls: tlsOption, dbIndex: 0 };
  const first = bootstrapOf(plan).address;
  const nodes = plan.nodes.map(({ address }) => address);
  const cluster = plan.environment.topology.kind === 'cluster';
  const connection = cluster
    ? { label: plan.environment.name, isCluster: true, clusters: nodes, ...user }
    : sentinels.length === 0
      ? { label: plan.environment.name, host: first.host, port: first.port, ...user }
      : {
          label: plan.environment.name,
          sentinels: sentinels.map(({ address }) => address),
          sentinelName: plan.environment.topology.serviceName,
          sentinelUsername: 'app',
          sentinelPassword: secrets.sentinel.app.reveal(),
          sentinelTLS: tlsOption,
          ...user,
        };
  const config = {
    noSave: true,
    noLogData: true,
    server: { address: '0.0.0.0', port: 8081, httpAuth: { username: COMMANDER_USER, password } },
    connections: [connection],
  };
  return new Map([['local.json', `${JSON.stringify(config, null, 2)}\n`]]);
}
