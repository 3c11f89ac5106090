/**
 * ES2024 functions for Node.js 20, which the installed package supports. `lib` in tsconfig.json permits them, and newer
 * Node.js versions include them.
 */

/** @see https://tc39.es/ecma262/#sec-promise.withResolvers */
function withResolvers<T>(this: PromiseConstructor): PromiseWithResolvers<T> {
  let settle: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error('the executor of a promise runs synchronously');
  return { promise, ...settle };
}

/** @see https://tc39.es/ecma262/#sec-map.groupby */
function groupBy<K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Adds the missing functions to these objects. Exported for tests; the module adds them to the global objects. */
export function polyfill(promise: Partial<PromiseConstructor>, map: Partial<MapConstructor>): void {
  promise.withResolvers ??= withResolvers as PromiseConstructor['withResolvers'];
  map.groupBy ??= groupBy;
}

polyfill(Promise, Map);
