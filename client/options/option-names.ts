/**
 * Checks the names of options. TypeScript rejects an unknown name. In JavaScript, an unknown name would be ignored
 * silently without this check, and the default would be used.
 *
 * Each file that reads options lists their names with `optionNames`, so that the compiler compares the names with the
 * type, and calls `assertOptions`.
 */

import { ConfigurationError } from '../api/errors.ts';
import { isBareObject, isPlainObject } from '../codec/plain.ts';

export type OptionNames = ReadonlySet<string>;

/** Lists the names of all options of a type. The compiler rejects missing and additional names. */
export const optionNames = <T>(names: Readonly<Record<keyof T, true>>): OptionNames =>
  new Set(Object.keys(names));

export const allNames = (...lists: readonly OptionNames[]): OptionNames =>
  new Set(lists.flatMap((list) => [...list]));

/** Option names of other clients, with the corresponding names of this client. */
const ALIASES: Readonly<Record<string, string>> = {
  connectionstring: 'url',
  ex: 'ttlSeconds',
  expire: 'ttlSeconds',
  expiresin: 'ttlSeconds',
  factory: 'load',
  host: 'address',
  hosts: 'sentinels',
  keyprefix: 'namespace',
  maxage: 'ttlSeconds',
  name: 'serviceName',
  port: 'address',
  prefix: 'namespace',
  px: 'ttlSeconds',
  swr: 'staleWhileRevalidateSeconds',
  timeout: 'commandTimeoutMs',
  uri: 'url',
};

const UNITS = ['seconds', 'ms', 'bytes', 'entries'];

/** Maximum number of names that a message lists. */
const LISTED_MAX = 14;

/**
 * Checks the names of options.
 *
 * @param path path of the options object: `breaker`, or '' for the argument of a call
 * @throws ConfigurationError if `options` is not an object, or has an unknown option
 */
export function assertOptions(path: string, options: unknown, known: Pick<OptionNames, 'has'>): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new ConfigurationError(
      `${path === '' ? 'options' : path}: must be an object with options, got ${shown(options)}`,
    );
  for (const name in options)
    if (!known.has(name) && isGiven(options, name))
      throw new ConfigurationError(unknownOption(path, name, known as OptionNames));
}

/**
 * Whether the object has this option. Checks object literals only, because an instance of a class may have other
 * fields.
 */
function isGiven(options: object, name: string): boolean {
  if (!isPlainObject(options) && !isBareObject(options)) return false;
  return Object.hasOwn(options, name) && options[name] !== undefined;
}

function unknownOption(within: string, name: string, known: OptionNames): string {
  const path = within === '' ? name : `${within}.${name}`;
  const close = closestName(name, known);
  if (close !== undefined) return `${path}: unknown option; did you mean ${JSON.stringify(close)}?`;
  return known.size <= LISTED_MAX
    ? `${path}: unknown option; allowed: ${[...known].sort().join(', ')}`
    : `${path}: unknown option`;
}

const shown = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value));

function closestName(name: string, known: OptionNames): string | undefined {
  const lower = name.toLowerCase();
  const alias = ALIASES[lower];
  if (alias !== undefined && known.has(alias)) return alias;
  const names = [...known];
  const withUnit = names.find((each) => UNITS.some((unit) => each.toLowerCase() === lower + unit));
  if (withUnit !== undefined) return withUnit;
  const contained = names.find((each) => lower.length >= 3 && each.toLowerCase().includes(lower));
  const ranked = names
    .map((each) => ({ each, distance: distanceOf(lower, each.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best && best.distance <= Math.max(1, Math.floor(lower.length / 3))) return best.each;
  return contained;
}

/** Returns the edit distance; a swap of adjacent characters counts as one edit (Damerau-Levenshtein). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + cost,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1);
      row[j] = least;
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}
