/** A module as this folder's own dependencies have it; its types are not the kit's to depend on. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}
