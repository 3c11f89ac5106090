/**
 * State of the watchdog before a run applies its environment. Applying starts a stopped watchdog and resumes a suspended
 * one, so without this query a run would hide that the environment had lost its watchdog.
 */
import type { WatchdogStatus } from '../../infra/substrates/environment.ts';
import type { Substrate } from '../../infra/substrates/substrate.ts';
import type { Topology } from '../../infra/topology.ts';

/**
 * Returns the state; undefined if the environment has no watchdog or was not running as a whole. If nodes were down too,
 * the environment had been stopped or its machine restarted, and the watchdog was not lost unnoticed.
 */
export async function watchdogStateBefore(
  substrate: Substrate,
  topology: Topology,
): Promise<WatchdogStatus | undefined> {
  if (topology.watchdog === undefined) return undefined;
  // `apply` reports the problems of an environment that cannot be opened.
  await using environment = await substrate.open(topology).catch(() => undefined);
  if (environment === undefined) return undefined;
  const nodes = await environment.status();
  return nodes.every(({ state }) => state === 'running') ? environment.watchdogStatus?.() : undefined;
}
