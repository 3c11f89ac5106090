/**
 * Describes the health of an environment in words, for the commands. This module is separate from the drills because
 * `kit status` does not need them.
 */
import { readRoles } from '../infra/operations/roles.ts';
import { describeRoles } from '../infra/redis/role-state.ts';
import type { Environment } from '../infra/substrates/environment.ts';

/**
 * Describes why an environment is not healthy: names the nodes that are not running and the consequence for the master
 * or, if all nodes are running, the defects that remain when the wait ends (a replica without its master, a sentinel
 * that has not discovered all nodes).
 */
export async function describeHealthProblem(
  environment: Environment,
  boundMs: number,
): Promise<string | undefined> {
  const down = (await environment.status()).filter(({ state }) => state !== 'running');
  if (down.length === 0) {
    const health = await import('./trial/health.ts');
    return health.healthProblemAfter(environment, { boundMs });
  }
  const words = down.map(({ id, state }) => `${id} is ${state}`);
  if (environment.cluster !== undefined) return words.join(', ');
  const roles = await readRoles(environment);
  return [...words, ...(roles.kind === 'stable' ? [] : [describeRoles(roles)])].join(', ');
}
