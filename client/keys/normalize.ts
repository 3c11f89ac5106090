/**
 * Normalizes a value to a string that is hashed into keys.
 *
 * Equivalent inputs give the same text: properties in any order, Unicode in any composition, -0 and 0, a property that
 * is undefined and one that is absent. Inputs of different types give different texts (`1`, `'1'`, `1n`).
 */
import { types } from 'node:util';
import { ConfigurationError } from '../api/errors.ts';
import { isBareObject, isPlainObject } from '../codec/plain.ts';

/** Normalizes a value. A letter before each value distinguishes its type. */
export function normalize(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.normalize('NFC'));
    case 'number':
      if (Number.isFinite(value)) return String(value === 0 ? 0 : value);
      throw new ConfigurationError(`${value} cannot be part of a key`);
    case 'boolean':
      return String(value);
    case 'bigint':
      return `n${value}`;
    case 'undefined':
      return 'u';
    case 'object':
      return value === null ? 'null' : normalizeObject(value);
    default:
      throw new ConfigurationError(`A ${typeof value} cannot be part of a key`);
  }
}

function normalizeObject(value: object): string {
  if (Array.isArray(value)) return `[${Array.from(value, normalize).join(',')}]`;
  if (types.isDate(value)) return `d${normalize(value.getTime())}`;
  if (types.isUint8Array(value)) return `b${Buffer.from(value).toString('hex')}`;
  if (!isPlainObject(value) && !isBareObject(value))
    throw new ConfigurationError(
      `A ${value.constructor?.name ?? 'class'} cannot be part of a key; pass plain data`,
    );
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]): [string, string] => [JSON.stringify(name.normalize('NFC')), normalize(field)])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${fields.map(([name, field]) => `${name}:${field}`).join(',')}}`;
}
