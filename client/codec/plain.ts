/**
 * Checks for plain data: objects and arrays without a class, from this realm or another (`node:vm`, Jest). Both codecs,
 * keys and the first tier use these checks.
 */

/** Whether an object is `{}` of any realm. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || (prototype !== null && isForeignRoot(prototype as object));
}

/** Whether an object has no prototype: `Object.create(null)`. */
export const isBareObject = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === null;

/**
 * Whether an object is an array of any realm, but not an instance of a subclass. `Array.prototype` of every realm is an
 * array itself.
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

/** Whether an object has this number of own properties, including hidden ones, and none whose name is a symbol. */
export const hasOnlyNames = (value: object, names: number): boolean =>
  Object.getOwnPropertyNames(value).length === names && Object.getOwnPropertySymbols(value).length === 0;

/** Whether a prototype is `Object.prototype` of another realm. */
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
