/** Loads a module from the dependencies of this folder. The caller declares its types. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}
