/** Arguments and passwords of the exporter, which reads the metrics of all nodes of an environment. Pure. */
import type { EnvironmentConfig } from '../../config/schema.ts';
import { exporterTimeoutSeconds, type ScrapedNode } from './prometheus-conf.ts';

export interface ExporterFiles {
  /** Path of the file with the password for each node. */
  readonly passwords: string;
  /** Path of the CA; absent without TLS. */
  readonly ca?: string | undefined;
}

/** Returns the arguments of the exporter, which must not use CONFIG GET, because it returns passwords in plain text. */
export function exporterArguments(
  environment: EnvironmentConfig,
  { passwords, ca }: ExporterFiles,
): readonly string[] {
  const timeoutMs = exporterTimeoutSeconds(environment) * 1_000;
  return [
    '--redis.addr=',
    '--redis.user=exporter',
    `--redis.password-file=${passwords}`,
    '--config-command=-',
    `--connection-timeout=${timeoutMs}ms`,
    ...(ca === undefined ? [] : [`--tls-ca-cert-file=${ca}`]),
  ];
}

/** Returns the passwords by target, as the exporter reads them. */
export function exporterPasswords(
  nodes: readonly ScrapedNode[],
  password: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(nodes.map(({ target }) => [target.replace('://', '://exporter@'), password]));
}
