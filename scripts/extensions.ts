/** Extension modules of a command: first the modules in kit.yaml, then those on the command line. */
import { findProject } from '../config/project.ts';
import { useExtensions } from '../harness/registry.ts';

export interface ModuleOptions {
  readonly module: readonly string[];
}

/**
 * Loads and registers the extension modules.
 * @throws KitError EXTENSION_INVALID
 */
export function useModules({ module }: ModuleOptions): ReturnType<typeof useExtensions> {
  return useExtensions([...findProject().modules, ...module]);
}
