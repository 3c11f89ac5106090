/** Extension modules of a command: first the modules in kit.yaml, then those on the command line. */
import { findProject } from '../config/project.ts';
import type { useExtensions } from '../harness/registry.ts';

export interface ModuleOptions {
  readonly module: readonly string[];
}

/** Returns the file paths or package names of the extension modules. */
export function modulesOf({ module }: ModuleOptions): readonly string[] {
  return [...findProject().modules, ...module];
}

/**
 * Loads and registers the extension modules, for a command that runs drills or uses their parts.
 * @throws KitError EXTENSION_INVALID
 */
export async function useModules(options: ModuleOptions): ReturnType<typeof useExtensions> {
  // Commands that only judge do not use the registry, whose drills and clients take about 40 MiB.
  const registry = await import('../harness/registry.ts');
  return registry.useExtensions(modulesOf(options));
}
