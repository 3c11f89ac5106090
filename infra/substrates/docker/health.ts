/** Health of nodes and of an environment, read from the nodes through their published ports. */

import { waitWhile } from '../../host/wait.ts';
import { settleRoles } from '../../operations/roles.ts';
import type { Environment } from '../environment.ts';

const ANSWER_TIMEOUT_MS = 60_000;
const HEALTHY_TIMEOUT_MS = 60_000;

/** Waits until the node answers and has loaded its data. */
export async function awaitAnswer(environment: Environment, nodeId: string): Promise<void> {
  await waitWhile({ what: `${nodeId} to reply`, timeoutMs: ANSWER_TIMEOUT_MS }, async () => {
    const info = String(await (await environment.admin(nodeId)).call('INFO', 'persistence'));
    return /^loading:1/m.test(info) ? 'it is loading its data' : undefined;
  });
}

export interface HealthyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((line: string) => void) | undefined;
}

/** Maximum number of consecutive failovers, such as a second one by a sentinel with a stale view of the new master. */
const MAX_FAILOVERS = 3;

/**
 * Waits until the sentinels and the node itself report the same master, every replica is linked to it, every sentinel
 * agrees and has discovered the others, and the master has enough good replicas for writes. Clusters: `cluster.ts`. If
 * a failover occurs during the wait, the wait starts again.
 *
 * @throws KitError `ROLES_UNSETTLED`, `NOT_HEALTHY`
 */
export async function awaitHealthy(environment: Environment, options: HealthyOptions = {}): Promise<void> {
  const { cluster } = environment;
  if (cluster !== undefined) return await awaitNone(environment, options, () => cluster.healthProblem());
  for (let attempt = 1; ; attempt += 1) {
    const master = await settleRoles(environment, options);
    try {
      return await awaitNone(environment, options, () => healthProblem(environment, master));
    } catch (error) {
      if (attempt === MAX_FAILOVERS || (await environment.masterId()) === master) throw error;
    }
  }
}

function awaitNone(
  environment: Environment,
  { signal }: HealthyOptions,
  look: () => Promise<string | undefined>,
): Promise<void> {
  const what = `'${environment.name}' to be healthy`;
  return waitWhile({ what, timeoutMs: HEALTHY_TIMEOUT_MS, intervalMs: 50, signal }, look);
}

async function healthProblem(environment: Environment, master: string): Promise<string | undefined> {
  const { redis, sentinels, environment: config } = environment.topology;
  for (const { id } of redis) {
    const info = String(await (await environment.admin(id)).call('INFO', 'replication'));
    if (id !== master && !/^master_link_status:up/m.test(info)) return `${id} has no link to its master`;
    if (id !== master || config.redis.minReplicasToWrite === 0) continue;
    const good = Number(/^min_slaves_good_slaves:(\d+)/m.exec(info)?.[1] ?? 0);
    if (good < config.redis.minReplicasToWrite) return `${id} counts ${good} good replicas`;
  }
  for (const { id } of sentinels) {
    const reply = await (await environment.admin(id)).call(
      'SENTINEL',
      'CKQUORUM',
      config.topology.serviceName,
    );
    if (!String(reply).startsWith(`OK ${sentinels.length} `)) return `${id}: ${String(reply)}`;
  }
  return undefined;
}
