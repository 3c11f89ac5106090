/**
 * The sentinels promote another node even though the master is healthy: SENTINEL FAILOVER does not require agreement.
 * This fault makes the second failover of `double-failover` happen in every trial; without it, the sentinels failed
 * over twice in 2 of 18 crashes. Unlike in a planned switch, nothing is coordinated, and the deposed master is left
 * unchanged.
 */
import { readRoles } from '../../infra/operations/roles.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { waitUntil } from '../wait.ts';
import type { Fault } from './fault.ts';

/**
 * Maximum time, in ms, until a sentinel accepts the failover: it refuses until it has received the INFO of a replica. A
 * later failover would not be a double failover.
 */
const ACCEPTED_BOUND_MS = 5_000;
/**
 * Maximum time, in ms, for a failover without an election: Sentinel promotes at its next INFO, which follows within a
 * second.
 */
const PROMOTED_BOUND_MS = 10_000;

/** There is nothing to undo. */
export const forcedFailover: Fault = {
  id: 'forced-failover',
  async inject(environment, nodeId, signal) {
    const startedMs = performance.now();
    const elapsed = () => Math.round(performance.now() - startedMs);
    const wait = { everyMs: 10, ...(signal && { signal }) };
    const sentinel = await waitUntil(
      'a sentinel to accept a failover',
      () => acceptingSentinel(environment, nodeId),
      { ...wait, boundMs: ACCEPTED_BOUND_MS },
    );
    const acceptedMs = elapsed();
    const successor = await waitUntil(
      `the promotion of another node than ${nodeId}`,
      async () => {
        const master = await environment.masterId();
        return master !== undefined && master !== nodeId && master;
      },
      { ...wait, boundMs: PROMOTED_BOUND_MS },
    );
    return {
      heal: async () => undefined,
      detail: `${sentinel} accepted after ${acceptedMs} ms and promoted ${successor} after ${elapsed()} ms`,
    };
  },
};

/**
 * Requests the failover from one sentinel after the other, once all report this master and no failover is in progress.
 */
async function acceptingSentinel(environment: Environment, master: string): Promise<string | false> {
  const roles = await readRoles(environment);
  if (roles.kind !== 'stable' || roles.master !== master) return false;
  let refusal: unknown;
  for (const { id } of environment.topology.sentinels) {
    try {
      await (await environment.admin(id)).call('SENTINEL', 'FAILOVER', environment.endpoints.serviceName);
      return id;
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}
