/**
 * Caches the results of a function. Equal arguments share a key, there is one load per key at a time, and errors are
 * never stored. `this` is passed on but is not part of the key; add the relevant parts of it to `parts`.
 *
 * @module wrap
 */

import type { Cache, ComputeCallOptions } from '../api/types.ts';
import { buildKey } from '../keys/keys.ts';
import { assertCache, assertFunction, assertGiven } from '../options/arguments.ts';
import { CALL_OPTIONS } from '../options/cache-option-names.ts';
import { allNames, assertOptions } from '../options/option-names.ts';

/** Options for the results and their keys. */
export interface WrapOptions<This, A extends unknown[], T> extends ComputeCallOptions<T> {
  /** Cache that stores the results. */
  readonly cache: Cache;
  /** Domain in the keys; two functions with the same domain share entries. */
  readonly domain: string;
  /** Version in the key; increase it when the meaning of the result changes. Default 1. */
  readonly version?: number;
  /** Returns the parts of a call that make up its key, as plain data. Default: all arguments. */
  readonly parts?: (this: This, ...args: A) => unknown;
}

const WRAP = allNames(CALL_OPTIONS, new Set(['cache', 'domain', 'version', 'parts']));

/** Function with cached results. */
export interface Wrapped<This, A extends unknown[], T> {
  (this: This, ...args: A): Promise<T>;
  /** Returns the key for a call. */
  keyOf(this: unknown, ...args: A): string;
  /** Removes the result of a call; returns true if it existed. */
  forget(this: unknown, ...args: A): Promise<boolean>;
}

/**
 * Returns the function with cached results. Errors thrown by the function are passed on to the caller and not stored.
 */
export function wrap<This, A extends unknown[], T>(
  fn: (this: This, ...args: A) => T | Promise<T>,
  options: WrapOptions<This, A, T>,
): Wrapped<This, A, T> {
  assertFunction('fn', fn);
  assertGiven('options', options);
  assertOptions('', options, WRAP);
  assertCache(options.cache);
  const { cache, domain, version = 1, parts, ...rest } = options;
  const { schema, schemaId } = rest;
  // The key and the envelope contain the same name, so entries with a different shape are neither found nor accepted.
  const keyFor = (self: This, args: A): string =>
    buildKey(domain, parts ? parts.apply(self, args) : args, { version, schema, schemaId });
  // Not an arrow function, because the `this` of the caller is needed. Async, so that an invalid key causes a
  // rejection.
  async function callCached(this: This, ...args: A): Promise<T> {
    return cache.getOrCompute<T>(keyFor(this, args), () => fn.apply(this, args), rest);
  }
  return Object.assign(callCached, {
    keyOf: (...args: A) => keyFor(undefined as This, args),
    forget: async (...args: A) => (await cache.delete(keyFor(undefined as This, args))) > 0,
  });
}
