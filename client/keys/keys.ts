/**
 * Builds keys from a version, a domain and a hash: `v1:natal:3f1c…`. The cache adds its namespace. `normalize.ts`
 * defines which inputs give the same key.
 */
import { createHash } from 'node:crypto';
import { ConfigurationError } from '../api/errors.ts';
import type { StandardSchema } from '../api/types.ts';
import { schemaIdOf } from '../codec/schema.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { assertName } from './identity.ts';
import { normalize } from './normalize.ts';

const HASH_LENGTH = 16;
const BATCH_HASH_LENGTH = 12;

/** Parts of a key other than its domain and its hash. */
export interface KeyOptions {
  /** Version of the stored value, an integer of at least 1; default 1. */
  readonly version?: number;
  /**
   * Name of the value's shape. The name becomes part of the key, so a process with a different shape uses different
   * keys.
   */
  readonly schemaId?: string | undefined;
  /** Schema from which the name is derived, if the validator exports JSON Schema; `schemaId` takes precedence. */
  readonly schema?: StandardSchema | undefined;
  /** Namespace of the key. A cache adds its own namespace, so omit this option for keys that are passed to a cache. */
  readonly namespace?: string | undefined;
}

const KEY = optionNames<KeyOptions>({ version: true, schemaId: true, schema: true, namespace: true });
const SEARCH = optionNames<VectorSearch>({ namespace: true, vector: true, topK: true, params: true });

/**
 * Builds the key `v{version}:{domain}:{hash of parts}`. With a schema, the key begins with `v{version}.{hash of the
 * schema's name}:`. A namespace is prepended as `{namespace}:`.
 */
export function buildKey(
  domain: string,
  parts: unknown,
  versionOrOptions: number | KeyOptions = {},
  namespace?: string,
): string {
  const options =
    typeof versionOrOptions === 'number' ? { version: versionOrOptions, namespace } : versionOrOptions;
  return assembleKey(options, `${keySegment('domain', domain)}:${hashOf(parts, HASH_LENGTH)}`);
}

function assembleKey(options: KeyOptions, rest: string): string {
  assertOptions('', options, KEY);
  const schemaId = schemaIdOf(options.schema, options.schemaId);
  const shape = schemaId === undefined ? '' : `.${schemaPart(schemaId)}`;
  const key = `${versionPart(options.version ?? 1)}${shape}:${rest}`;
  return options.namespace === undefined ? key : `${keySegment('namespace', options.namespace)}:${key}`;
}

/** Builds the key `v{version}:batch:{size}:{hash of items}`, for one request that covers many items. */
export function buildBatchKey(items: readonly unknown[], version = 1, namespace?: string): string {
  const key = `${versionPart(version)}:batch:${items.length}:${hashOf(items, BATCH_HASH_LENGTH)}`;
  return namespace === undefined ? key : `${keySegment('namespace', namespace)}:${key}`;
}

/** Builds the key `{prefix}:cache:{hash of parts}`, in the format of response caches. */
export function buildResponseKey(prefix: string, parts: unknown): string {
  return `${keySegment('prefix', prefix)}:cache:${hashOf(parts, HASH_LENGTH)}`;
}

/** Search in a collection of vectors. */
export interface VectorSearch {
  /** Name of the collection. */
  readonly namespace: string;
  /** Query vector, with at least one component; all components are finite. */
  readonly vector: readonly number[] | Float32Array | Float64Array;
  /** Number of results, at least 1. */
  readonly topK: number;
  /** Filters and other inputs that change the result. */
  readonly params?: unknown;
}

/** Number of decimals that a key keeps of each vector component. */
const VECTOR_DECIMALS = 4;

/**
 * Builds the key `v{version}:vector:{hash}` for one vector search. Components are rounded to `decimals` (default 4), so
 * that rounding noise from float32, or from a different order of summation, does not result in a different key.
 *
 * Vectors that share a key differ by at most 10^-decimals in each component. Noise of size e moves one of d components
 * over a boundary with a probability of about 2 d e 10^decimals: 3 % for 1536 components around 0.03 that were
 * converted to float32 once. Such noise costs a miss, never a wrong answer. With fewer decimals there are fewer misses,
 * and more vectors share a key.
 */
export function buildVectorKey(
  search: VectorSearch,
  options: KeyOptions & {
    /** Number of decimals of each component, 0 to 12; default 4. */
    readonly decimals?: number;
  } = {},
): string {
  assertOptions('search', search, SEARCH);
  const { decimals = VECTOR_DECIMALS, ...key } = options;
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 12)
    throw new ConfigurationError(`decimals: must be an integer between 0 and 12, got ${String(decimals)}`);
  if (!Number.isInteger(search.topK) || search.topK < 1)
    throw new ConfigurationError(`topK: must be an integer of at least 1, got ${String(search.topK)}`);
  const { vector } = search;
  if (vector.length === 0) throw new ConfigurationError('vector: must have at least one component');
  const cells = Array.from(vector, (component, i) => cellOf(component, decimals, i));
  // The number of decimals is part of the key, because vectors that were rounded differently must not share a key.
  const parts = [search.namespace, search.topK, search.params, decimals, cells.join()];
  return assembleKey(key, `vector:${hashOf(parts, HASH_LENGTH)}`);
}

function cellOf(component: number, decimals: number, i: number): number {
  const cell = Math.round(component * 10 ** decimals);
  if (!Number.isSafeInteger(cell))
    throw new ConfigurationError(
      `vector[${i}]: ${String(component)} cannot be rounded to ${decimals} decimals`,
    );
  // `join` prints -0 as 0.
  return cell;
}

/** Returns eight hexadecimal digits for the name of a shape. */
function schemaPart(schemaId: string): string {
  assertName('schemaId', schemaId);
  return createHash('sha256').update(schemaId).digest('hex').slice(0, 8);
}

function hashOf(value: unknown, length: number): string {
  return createHash('sha256').update(normalize(value)).digest('hex').slice(0, length);
}

function versionPart(version: number): string {
  if (!Number.isInteger(version) || version < 1)
    throw new ConfigurationError(`version: must be an integer of at least 1, got ${String(version)}`);
  return `v${version}`;
}

function keySegment(name: string, text: string): string {
  assertName(name, text);
  if (/[\s:*?[\]{}]/.test(text))
    throw new ConfigurationError(
      `${name}: must not contain a space or one of : * ? [ ] { }, got ${JSON.stringify(text)}`,
    );
  return text;
}
