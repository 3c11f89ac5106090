/**
 * Configuration as the Terraform state stores it: without the settings that contain credentials, because anyone with
 * access to the backend can read the state. Those settings stay in the environment file and in `environment.yaml` below
 * the state directory (mode 0600). Pure.
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';

/** Settings with credentials: those of the backend, and the webhook, whose path is its password. */
type Credentials = {
  readonly docker: Pick<EnvironmentConfig['docker'], 'backend'>;
  readonly observability: Pick<EnvironmentConfig['observability'], 'webhook'>;
};

export function withoutCredentials({
  docker: { backend: _backend, ...docker },
  observability: { webhook: _webhook, ...observability },
  ...rest
}: EnvironmentConfig): EnvironmentConfig {
  return { ...rest, docker, observability };
}

/** Completes a stored configuration. A state from an earlier version may contain a webhook, which is replaced. */
export function withCredentialsOf(
  { docker: { backend }, observability: { webhook } }: Credentials,
  stored: EnvironmentConfig,
): EnvironmentConfig {
  const { docker, observability, ...rest } = withoutCredentials(stored);
  return {
    ...rest,
    docker: { ...docker, ...(backend !== undefined && { backend }) },
    observability: { ...observability, ...(webhook !== undefined && { webhook }) },
  };
}
