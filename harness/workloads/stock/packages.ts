/**
 * Clients that are not dependencies of the kit: loaded by name, only when a drill uses one, so that the kit runs
 * without them. The adapters declare their types.
 */

/** Loads a package. @throws Error if the module cannot be found or loaded */
export async function loadPackage<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Whether the package is installed. Loads nothing. */
export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
