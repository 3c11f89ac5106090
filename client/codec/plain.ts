/**
 * Plain data: objects and arrays without a class, of this realm or another (`node:vm`, Jest). Both codecs, keys and the first
 * tier use these checks.
 */

/** True for `{}` of any realm. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || (prototype !== null && isForeignRoot(prototype as object));
}

/** True for an object without a prototype: `Object.create(null)`. */
export const isBareObject = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === null;

/**
 * True for an array of any realm that is not an instance of a subclass. `Array.prototype` of every realm is an array itself.
 */
export function isPlainArray(value: object): value is readonly unknown[] {
  if (!Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Array.prototype || isForeignArrayRoot(prototype);
}

/** False for an array with named properties, such as `index` of `/a/.exec('a')`. `elements`: its length without holes. */
export const hasOnlyElements = (array: readonly unknown[], elements: number): boolean =>
  Object.keys(array).length === elements && Object.getOwnPropertySymbols(array).length === 0;

/** True if the object has this number of own properties, including hidden ones, and none with a symbol as name. */
export const hasOnlyNames = (value: object, names: number): boolean =>
  Object.getOwnPropertyNames(value).length === names && Object.getOwnPropertySymbols(value).length === 0;

/** True for `Object.prototype` of another realm. */
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
