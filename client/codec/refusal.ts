/**
 * Finds the part of a value that a codec cannot encode, and the reason. The check is slow and exact; the codecs call it
 * only after their quick check has failed.
 *
 * Parts are visited once, in the order in which they are written. Both codecs refuse functions, symbols, class
 * instances, hidden and symbol-named properties, named properties of arrays, cycles, and more levels than `DEPTH_MAX`.
 */
import { types } from 'node:util';
import { bytesOf, DEPTH_MAX } from './binary-format.ts';
import { hasOnlyElements, hasOnlyNames, isBareObject, isPlainArray, isPlainObject } from './plain.ts';

export type CarrierName = 'json' | 'binary';

/** A part of a value, and the step that leads to the part: `.name`, `[0]`. */
type Part = readonly [step: string, part: unknown];

/** Returns the reason why a codec cannot encode the value; undefined if it can. */
export function refusalOf(value: unknown, codec: CarrierName): string | undefined {
  return new Inspection(codec).look(value, [], new Set());
}

class Inspection {
  readonly #codec: CarrierName;
  /** Objects in which no part was refused, recorded so that a shared object is visited only once. */
  readonly #cleared = new Set<object>();

  constructor(codec: CarrierName) {
    this.#codec = codec;
  }

  look(value: unknown, path: readonly string[], above: ReadonlySet<object>): string | undefined {
    const why =
      typeof value === 'object' && value !== null
        ? this.#whyNotObject(value, above)
        : this.#whyNotPrimitive(value);
    if (why !== undefined)
      return `${path.length === 0 ? 'The value' : `The value at ${path.slice(0, 8).join('')}`}: ${why}`;
    if (typeof value !== 'object' || value === null || this.#cleared.has(value)) return undefined;
    const inside = new Set(above).add(value);
    for (const [step, part] of partsOf(value)) {
      const found = this.look(part, [...path, step], inside);
      if (found !== undefined) return found;
    }
    this.#cleared.add(value);
    return undefined;
  }

  #whyNotPrimitive(value: unknown): string | undefined {
    if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value} cannot be stored`;
    if (this.#codec === 'binary') return undefined;
    if (value === undefined) return `undefined cannot be stored as JSON, which leaves it out${REMEDY}`;
    if (typeof value === 'bigint') return `a bigint cannot be stored as JSON${REMEDY}`;
    return typeof value === 'number' && !Number.isFinite(value)
      ? `${value} cannot be stored as JSON, which makes it null${REMEDY}`
      : undefined;
  }

  #whyNotObject(value: object, above: ReadonlySet<object>): string | undefined {
    if (above.has(value)) return 'contains itself; a cyclic value cannot be stored';
    if (above.size >= DEPTH_MAX) return TOO_DEEP;
    if (isPlainArray(value)) return this.#whyNotArray(value);
    if (isPlainObject(value)) return whyNotNames(value);
    const isRich = isBareObject(value) || isMap(value) || isSet(value) || isDate(value);
    if (!isRich && !bytesOf(value)) return `a ${nameOf(value)} cannot be stored; store plain data`;
    if (this.#codec === 'json') return `a ${nameOf(value)} cannot be stored as JSON${REMEDY}`;
    // `bytesOf` has already checked the properties of binary data.
    return isRich ? whyNotNames(value) : undefined;
  }

  #whyNotArray(value: readonly unknown[]): string | undefined {
    const elements = Object.keys(value).filter((name) => isIndex(name)).length;
    if (!hasOnlyElements(value, elements)) return 'an array with named properties cannot be stored';
    if (this.#codec === 'json' && elements < value.length)
      return `an array with holes cannot be stored as JSON, which makes them null${REMEDY}`;
    return undefined;
  }
}

export const TOO_DEEP = `Nested deeper than ${DEPTH_MAX} levels`;

const REMEDY = '; leave it out or convert it, or give its key the binary codec (option codecs)';

export const isMap = (value: object): value is Map<unknown, unknown> =>
  Object.getPrototypeOf(value) === Map.prototype && types.isMap(value);
export const isSet = (value: object): value is Set<unknown> =>
  Object.getPrototypeOf(value) === Set.prototype && types.isSet(value);
export const isDate = (value: object): value is Date =>
  Object.getPrototypeOf(value) === Date.prototype && types.isDate(value);

export function nameOf(value: object): string {
  if (isBareObject(value)) return 'object without a prototype';
  const type: unknown = value.constructor;
  return typeof type === 'function' && type.name !== '' ? type.name : 'class instance';
}

/**
 * Returns the reason if an object is refused because it has hidden or symbol-named properties, or because it is not
 * plain and has any properties at all.
 */
function whyNotNames(value: object): string | undefined {
  const names = isPlainObject(value) || isBareObject(value) ? Object.keys(value).length : 0;
  if (hasOnlyNames(value, names)) return undefined;
  return names === 0 && Object.keys(value).length > 0
    ? `a ${nameOf(value)} with additional properties cannot be stored`
    : 'hidden and symbol-named properties cannot be stored';
}

const isIndex = (name: string): boolean => String(Number(name) >>> 0) === name && Number(name) < 2 ** 32 - 1;

/** Yields the parts of a container, in the order in which they are encoded. */
function* partsOf(value: object): Generator<Part> {
  if (Array.isArray(value)) for (const name of Object.keys(value)) yield [`[${name}]`, value[Number(name)]];
  else if (isMap(value))
    for (const [key, part] of value) {
      yield [' a key', key];
      yield [' a value of the Map', part];
    }
  else if (isSet(value)) for (const part of value) yield [' an element of the Set', part];
  else if (isPlainObject(value) || isBareObject(value))
    for (const name of Object.keys(value)) yield [`.${name}`, value[name]];
}
