/**
 * Checks for plain data: objects and arrays without a class, from this realm or another (`node:vm`, Jest). Both codecs,
 * keys and the first tier use these checks.
 */

/** Whether an object is a plain object (such as `{}`), no matter which realm it comes from. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || (prototype !== null && isForeignRoot(prototype as object));
}

/** Whether an object has no prototype: `Object.create(null)`. */
export const isBareObject = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === null;

/**
 * Whether an object is an array, from this or another realm, and not an instance of a subclass. An array from another
 * realm is recognised by its prototype: `Array.prototype` is itself an array in every realm.
 */
export function isPlainArray(value: object): value is readonly unknown[] {
  if (!Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Array.prototype || isForeignArrayRoot(prototype);
}

/**
 * Whether an array has no named properties, such as `index` in the result of `/a/.exec('a')`. `elements`: the number of
 * elements, not counting holes.
 */
export const hasOnlyElements = (array: readonly unknown[], elements: number): boolean =>
  Object.keys(array).length === elements && Object.getOwnPropertySymbols(array).length === 0;

/**
 * Whether an object has exactly this number of own properties, including hidden ones, and no symbol-named properties.
 */
export const hasOnlyNames = (value: object, names: number): boolean =>
  Object.getOwnPropertyNames(value).length === names && Object.getOwnPropertySymbols(value).length === 0;

/** Whether a prototype is the `Object.prototype` of another realm. */
function isForeignRoot(prototype: object): boolean {
  return (
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf') &&
    Object.hasOwn(prototype, 'hasOwnProperty')
  );
}

function isForeignArrayRoot(prototype: unknown): boolean {
  if (!Array.isArray(prototype)) return false;
  const root: unknown = Object.getPrototypeOf(prototype);
  return root !== Array.prototype && root !== null && isForeignRoot(root as object);
}
