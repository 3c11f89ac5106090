/**
 * Describes the shape of a JSON value that is read as evidence, and finds the first part of a value that violates its
 * shape.
 *
 * Everything that the judge reads is checked against a shape first: evidence may be broken or crafted, and an unbounded
 * number would drive a loop or an allocation. JSON allows numbers that the judge cannot use: `1e999` parses to
 * Infinity.
 */

import { excerpt, shorten } from './excerpt.ts';

export type Shape =
  | 'string'
  /** Integers that a double represents exactly: ±(2^53 - 1). */
  | 'number'
  | 'boolean'
  /** Any JSON value whose arrays and objects nest at most `MAX_JSON_DEPTH` deep, with finite numbers. */
  | 'json'
  /** A whole number in a range, both ends included. */
  | { readonly integer: readonly [min: number, max: number] }
  /** A finite number in a range, both ends included. */
  | { readonly within: readonly [min: number, max: number] }
  /** Text with at most this number of characters. */
  | { readonly text: number }
  /** Text that matches the pattern; `what` describes the allowed text in words. */
  | { readonly pattern: RegExp; readonly what: string }
  /** One of the listed words. */
  | { readonly oneOf: readonly string[] }
  | { readonly anyOf: readonly Shape[] }
  | { readonly listOf: Shape; readonly maxItems?: number }
  /** A list with exactly these elements. */
  | { readonly tuple: readonly Shape[] }
  /** An object with arbitrary keys, whose values all have the same shape. */
  | { readonly mapOf: Shape }
  | { readonly optional: Shape }
  | { readonly nullable: Shape }
  | { readonly fields: Readonly<Record<string, Shape>> };

/** Depth limit, so that recursive functions over a recorded value cannot overflow the stack. */
const MAX_JSON_DEPTH = 32;

/** A part of a value, and its required shape. */
interface Mismatch {
  /** Keys that lead to the part, from the innermost to the outermost. */
  readonly path: (string | number)[];
  readonly must: string;
  readonly value: unknown;
}

/**
 * Describes the first violation, such as `trials[2].status must be completed, not-measured or failed, not "complfted"`;
 * undefined if the value has the shape.
 */
export function shapeProblem(value: unknown, shape: Shape): string | undefined {
  const found = findMismatch(value, shape);
  if (found === undefined) return undefined;
  const path = found.path
    .reverse()
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('');
  return `${shorten(path) || 'it'} must be ${found.must}, not ${excerpt(found.value)}`;
}

/**
 * Returns only the parts of a value that its shape names; other parts are never read. The value must have the shape.
 */
export function pickShape(value: unknown, shape: Shape): unknown {
  if (typeof shape === 'string' || value === undefined || value === null) return value;
  if ('optional' in shape) return pickShape(value, shape.optional);
  if ('nullable' in shape) return pickShape(value, shape.nullable);
  if ('listOf' in shape) return (value as readonly unknown[]).map((item) => pickShape(item, shape.listOf));
  if (!('fields' in shape)) return value;
  const given = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(shape.fields)
      .filter(([key]) => given[key] !== undefined)
      .map(([key, inner]) => [key, pickShape(given[key], inner)]),
  );
}

function findMismatch(value: unknown, shape: Shape): Mismatch | undefined {
  if (typeof shape === 'string') return checkPlain(value, shape);
  if ('optional' in shape) return value === undefined ? undefined : findMismatch(value, shape.optional);
  if ('nullable' in shape) return value === null ? undefined : findMismatch(value, shape.nullable);
  if ('fields' in shape) return checkFields(value, shape.fields);
  if ('listOf' in shape) return checkList(value, shape.listOf, shape.maxItems ?? Number.POSITIVE_INFINITY);
  if ('mapOf' in shape) return checkMap(value, shape.mapOf);
  if ('tuple' in shape) return checkTuple(value, shape.tuple);
  if ('anyOf' in shape) {
    const found = shape.anyOf.map((each) => findMismatch(value, each));
    if (found.includes(undefined)) return undefined;
    return mismatchOf(value, found.map((each) => each?.must).join(' or '));
  }
  return checkLeaf(value, shape);
}

type Leaf = Extract<
  Shape,
  { integer: unknown } | { within: unknown } | { pattern: unknown } | { text: unknown } | { oneOf: unknown }
>;

function checkLeaf(value: unknown, shape: Leaf): Mismatch | undefined {
  if ('oneOf' in shape) {
    return shape.oneOf.some((word) => word === value)
      ? undefined
      : mismatchOf(value, `one of ${shape.oneOf.join(', ')}`);
  }
  if ('pattern' in shape) {
    return typeof value === 'string' && shape.pattern.test(value) ? undefined : mismatchOf(value, shape.what);
  }
  if ('text' in shape) {
    return typeof value === 'string' && value.length <= shape.text
      ? undefined
      : mismatchOf(value, `text of at most ${shape.text} characters`);
  }
  const [min, max] = 'integer' in shape ? shape.integer : shape.within;
  const isRight =
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    (!('integer' in shape) || Number.isInteger(value));
  return isRight
    ? undefined
    : mismatchOf(value, `${'integer' in shape ? 'an integer' : 'a number'} from ${min} to ${max}`);
}

function checkPlain(value: unknown, shape: Extract<Shape, string>): Mismatch | undefined {
  if (shape === 'json') {
    return isPlainJson(value)
      ? undefined
      : mismatchOf(value, `at most ${MAX_JSON_DEPTH} levels of finite values`);
  }
  const isRight = typeof value === shape && (shape !== 'number' || isSafe(value as number));
  return isRight ? undefined : mismatchOf(value, `a ${shape}`);
}

function checkFields(value: unknown, shapes: Readonly<Record<string, Shape>>): Mismatch | undefined {
  if (!isObject(value)) return mismatchOf(value, 'an object');
  for (const key in shapes) {
    const found = findMismatch(Object.hasOwn(value, key) ? value[key] : undefined, shapes[key] as Shape);
    if (found !== undefined) return atKey(key, found);
  }
  return undefined;
}

function checkMap(value: unknown, shape: Shape): Mismatch | undefined {
  if (!isObject(value)) return mismatchOf(value, 'an object');
  for (const key in value) {
    const found = findMismatch(value[key], shape);
    if (found !== undefined) return atKey(key, found);
  }
  return undefined;
}

function checkList(value: unknown, shape: Shape, maxItems: number): Mismatch | undefined {
  if (!Array.isArray(value)) return mismatchOf(value, 'a list');
  if (value.length > maxItems) return mismatchOf(value, `a list of at most ${maxItems}`);
  for (let i = 0; i < value.length; i++) {
    const found = findMismatch(value[i], shape);
    if (found !== undefined) return atKey(i, found);
  }
  return undefined;
}

function checkTuple(value: unknown, shapes: readonly Shape[]): Mismatch | undefined {
  if (!Array.isArray(value) || value.length !== shapes.length) {
    return mismatchOf(value, `a list of ${shapes.length}`);
  }
  for (const [i, shape] of shapes.entries()) {
    const found = findMismatch(value[i], shape);
    if (found !== undefined) return atKey(i, found);
  }
  return undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSafe(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** Whether the value is JSON of limited depth. Checked before the value is passed to a recursive function. */
function isPlainJson(value: unknown, depth = 0): boolean {
  if (depth > MAX_JSON_DEPTH) return false;
  if (typeof value === 'number') return isSafe(value);
  if (value === undefined) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every((inner) => isPlainJson(inner, depth + 1));
}

function mismatchOf(value: unknown, must: string): Mismatch {
  return { path: [], must, value };
}

function atKey(key: string | number, found: Mismatch): Mismatch {
  found.path.push(key);
  return found;
}
