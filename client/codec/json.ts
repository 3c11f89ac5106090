/**
 * JSON as a codec. It encodes values that are restored exactly, and rejects all others with the path to the part:
 *
 *   stored    null, booleans, texts, finite numbers, arrays without holes, plain objects; nested up to 500 levels
 *   refused   undefined, NaN, Infinity, bigint, functions, symbols, holes, class instances (Date, Map, URL, Error, …),
 *             objects without a prototype, hidden and symbol-named properties, named properties of arrays, cycles
 *
 *   value ─▶ `isUsual`: one quick look at each part ─yes─▶ JSON.stringify
 *                └ no ─▶ `refusalOf`: slow and exact ─▶ SerializationError, or `writeExactly`
 *
 * A getter is stored as its value. It is called twice, and must return the same value both times.
 */
import { SerializationError } from '../api/errors.ts';
import { DEPTH_MAX } from './binary-format.ts';
import { hasOnlyElements, hasOnlyNames } from './plain.ts';
import { refusalOf } from './refusal.ts';

/** Maximum number of parts of a value. Each part takes at least two bytes of JSON, and Redis stores at most 512 MiB. */
const PARTS_MAX = 2 ** 28;

let partsLeft = 0;

/** Writes a value as JSON. @throws SerializationError with the part of the value that JSON would change or leave out */
export function writeJson(value: unknown): string {
  try {
    partsLeft = PARTS_MAX;
    if (isUsual(value, 0) && !isConverted()) return JSON.stringify(value);
    if (partsLeft <= 0) throw new SerializationError(`The value has more than ${PARTS_MAX} parts`);
    const refused = refusalOf(value, 'json');
    if (refused !== undefined) throw new SerializationError(refused);
    return writeExactly(value);
  } catch (error) {
    if (error instanceof SerializationError) throw error;
    throw new SerializationError(`The value cannot be stored: ${(error as Error).message}`, error);
  }
}

/**
 * Returns true if JSON.stringify writes text that restores the value; false if the text does not restore the value, or
 * if the slow check is needed to find out.
 */
function isUsual(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      // `value - value` is NaN for NaN and infinities; `1 / value` is negative for -0.
      return value === 0 ? 1 / value > 0 : value - value === 0;
    case 'object':
      return value === null || isUsualObject(value, depth + 1);
    default:
      return false;
  }
}

function isUsualObject(value: object, depth: number): boolean {
  if (depth > DEPTH_MAX) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) {
    const fields = value as Record<string, unknown>;
    let parts = 0;
    // `for … in` is faster than Object.keys. If there are inherited names, the counts differ, and the slow check
    // decides.
    for (const name in fields) {
      parts += 1;
      if (!isUsual(fields[name], depth)) return false;
    }
    partsLeft -= parts;
    return partsLeft > 0 && hasOnlyNames(value, parts);
  }
  if (prototype !== Array.prototype || !Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!isUsual(value[i], depth)) return false;
  partsLeft -= value.length;
  return partsLeft > 0 && hasOnlyElements(value, value.length);
}

/** Whether a library has added `toJSON` to all objects or arrays. */
function isConverted(): boolean {
  return 'toJSON' in Object.prototype || 'toJSON' in Array.prototype;
}

/**
 * Writes a value that `refusalOf` has accepted. Unlike JSON.stringify, it writes -0 as `-0`, not as `0`, and does not
 * call `toJSON`.
 */
function writeExactly(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeExactly).join(',')}]`;
  const fields = Object.entries(value);
  return `{${fields.map(([name, part]) => `${JSON.stringify(name)}:${writeExactly(part)}`).join(',')}}`;
}
