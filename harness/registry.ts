/** Drills by name, and the health of an environment, for the commands. */
import { KitError } from '../config/errors.ts';
import { readRoles } from '../infra/operations/roles.ts';
import { describeRoles } from '../infra/redis/role-state.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import type { Drill } from './drills/drill.ts';
import type { LoadedExtension } from './extension/extension.ts';
import { loadExtensions } from './extension/load.ts';
import { allDrills, registerExtensions } from './extension/registered.ts';

export { MAX_SOAK_HOURS } from './drills/capacity/index.ts';
export { CLIENT_NAMES, type ClientName, DEFAULT_CLIENTS } from './drills/clients.ts';
export { MAX_STORM_MINUTES } from './drills/storm/index.ts';

/**
 * Reasons why an environment is not healthy, in words: nodes that do not run and the consequence for the master; if all
 * run, their defects that remain at the bound (a replica without its master, a sentinel that has not discovered all
 * nodes).
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

/**
 * Loads extension modules and registers their parts beside those of the kit, for this process.
 *
 * @param modules paths or names of packages
 * @throws KitError EXTENSION_INVALID
 */
export async function useExtensions(modules: readonly string[]): Promise<readonly LoadedExtension[]> {
  const extensions = await loadExtensions(modules);
  registerExtensions(extensions);
  return extensions;
}

/**
 * The drills of that name, in the catalogue's order.
 *
 * @throws KitError DRILL_UNKNOWN, listing the known ones
 */
export function drillsNamed(ids: readonly string[] | 'all'): readonly Drill[] {
  const drills = allDrills();
  if (ids === 'all') return drills;
  const unknown = ids.filter((id) => !drills.some((drill) => drill.id === id));
  if (unknown.length > 0) {
    throw new KitError(`unknown drill ${unknown.map((id) => `'${id}'`).join(', ')}`, {
      code: 'DRILL_UNKNOWN',
      hint: `known drills: ${drills.map(({ id }) => id).join(', ')}`,
    });
  }
  return drills.filter(({ id }) => ids.includes(id));
}
