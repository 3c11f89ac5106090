/** Looks up drills by name and loads extension modules, for the commands. */
import { KitError } from '../config/errors.ts';
import type { Drill } from './drills/drill.ts';
import type { LoadedExtension } from './extension/extension.ts';
import { loadExtensions } from './extension/load.ts';
import { allDrills, clientNames, findClient, registerExtensions } from './extension/registered.ts';

export { MAX_SOAK_HOURS } from './drills/capacity/index.ts';
export { CLIENT_NAMES, DEFAULT_CLIENTS } from './drills/clients.ts';
export { MAX_STORM_MINUTES } from './drills/storm/index.ts';

/**
 * Loads extension modules and registers their parts in addition to the built-in ones, in this process.
 *
 * @param modules file paths or package names
 * @throws KitError EXTENSION_INVALID
 */
export async function useExtensions(modules: readonly string[]): Promise<readonly LoadedExtension[]> {
  const extensions = await loadExtensions(modules);
  registerExtensions(extensions);
  return extensions;
}

/**
 * Returns the drills with the given names, in the order of the catalogue.
 *
 * @throws KitError DRILL_UNKNOWN, with a list of the known drills
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

/**
 * Returns the names of the clients, built-in ones first.
 *
 * @throws KitError CLIENT_UNKNOWN, with a list of the known clients
 */
export function clientsNamed(names: readonly string[] | 'all'): readonly string[] {
  if (names === 'all') return clientNames();
  for (const name of names) findClient(name);
  return clientNames().filter((name) => names.includes(name));
}
