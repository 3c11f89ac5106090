/** Loads a module from the dependencies of this folder. Its types are declared by the caller. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}
