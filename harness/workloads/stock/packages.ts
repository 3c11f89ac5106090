/**
 * Clients that are not dependencies of the kit: loaded by name and only when a drill asks for one, so that the kit runs
 * without them. Their types are those that the adapters declare.
 */

/** @throws the module cannot be found or loaded */
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
