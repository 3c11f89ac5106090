/**
 * Keys that say what they hold and under which version: `v1:natal:3f1c…`. The cache puts its namespace before them.
 *
 * Inputs that mean the same give the same key: properties in any order, Unicode in any composition, -0 and 0,
 * a property that is undefined and one that is absent. Inputs that differ in type differ in key (`1`, `'1'`, `1n`).
 */
import { createHash } from 'node:crypto';
import { ConfigurationError } from './errors.ts';

const HASH_LENGTH = 16;
const BATCH_HASH_LENGTH = 12;

/**
 * `v{version}:{domain}:{hash of parts}`, with `namespace:` before it where one is given.
 *
 * A cache adds its own namespace: leave it out for keys that go through one.
 */
export function buildKey(domain: string, parts: unknown, version = 1, namespace?: string): string {
  const key = `${versionPart(version)}:${segment('domain', domain)}:${hashOf(parts, HASH_LENGTH)}`;
  return namespace === undefined ? key : `${segment('namespace', namespace)}:${key}`;
}

/** `v{version}:batch:{size}:{hash of items}`: one key for a request of many items. */
export function buildBatchKey(items: readonly unknown[], version = 1, namespace?: string): string {
  const key = `${versionPart(version)}:batch:${items.length}:${hashOf(items, BATCH_HASH_LENGTH)}`;
  return namespace === undefined ? key : `${segment('namespace', namespace)}:${key}`;
}

/** `{prefix}:cache:{hash of parts}`, as caches of responses write it. */
export function buildResponseKey(prefix: string, parts: unknown): string {
  return `${segment('prefix', prefix)}:cache:${hashOf(parts, HASH_LENGTH)}`;
}

function hashOf(value: unknown, length: number): string {
  return createHash('sha256').update(normalize(value)).digest('hex').slice(0, length);
}

function versionPart(version: number): string {
  if (!Number.isInteger(version) || version < 1)
    throw new ConfigurationError(`version: ${String(version)} is not a whole number from 1`);
  return `v${version}`;
}

function segment(name: string, text: string): string {
  if (typeof text !== 'string' || !/^[^\s:*?[\]{}]+$/.test(text))
    throw new ConfigurationError(
      `${name}: ${JSON.stringify(text)} is empty or holds one of space : * ? [ ] { }`,
    );
  return text;
}

/** One text for all spellings of a value. A letter before each type keeps different types apart. */
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
  if (Array.isArray(value)) return `[${value.map(normalize).join(',')}]`;
  if (value instanceof Date) return `d${normalize(value.getTime())}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('hex')}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new ConfigurationError(
      `A ${value.constructor?.name ?? 'class'} cannot be part of a key; pass plain data`,
    );
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]): [string, string] => [JSON.stringify(name.normalize('NFC')), normalize(field)])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${fields.map(([name, field]) => `${name}:${field}`).join(',')}}`;
}
