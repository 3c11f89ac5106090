/** Configuration of the watchdog (`infra/watchdog/`), as JSON that includes its password. Pure. */
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import type { Placement, Topology } from '../../topology.ts';
import { WATCHDOG, watchdogPassword } from './acl.ts';

export interface WatchdogInput {
  readonly topology: Topology;
  readonly placement: Placement;
  readonly secrets: EnvironmentSecrets;
  /** Path of the CA file in the file system of the watchdog; undefined without TLS. */
  readonly caFile: string | undefined;
  /** Source address of the watchdog's connections; absent if the system chooses it. */
  readonly localAddress?: string | undefined;
  /** File that the watchdog writes every second, for a health check. */
  readonly heartbeatFile?: string | undefined;
}

export function renderWatchdog({
  topology,
  placement,
  secrets,
  caFile,
  localAddress,
  heartbeatFile,
}: WatchdogInput): string {
  const { environment, redis, sentinels } = topology;
  const addresses = (nodes: readonly { readonly id: string }[]) =>
    nodes.map(({ id }) => ({ id, ...placement.get(id) }));
  const configuration = {
    service: environment.topology.serviceName,
    username: WATCHDOG,
    password: watchdogPassword(secrets).reveal(),
    caFile,
    heartbeatFile,
    pingPeriodMs: topology.watchdog?.pingPeriodMs,
    localAddress,
    redis: addresses(redis),
    sentinels: addresses(sentinels),
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}
