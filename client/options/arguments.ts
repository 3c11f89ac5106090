/**
 * Checks arguments that are objects or functions provided by the application. An invalid argument fails at once, and
 * the error names the expected type.
 */

import { ConfigurationError } from '../api/errors.ts';
import { shown } from './option-values.ts';

/** Checks that a value is an object with the given methods. @throws ConfigurationError if it is not */
export function assertMethods(
  name: string,
  value: unknown,
  methods: readonly string[],
  expected: string,
): void {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  const missing = methods.find((method) => !isObject || typeof Reflect.get(value, method) !== 'function');
  if (missing === undefined) return;
  const problem = isObject ? `has no method ${missing}` : `got ${shown(value)}`;
  throw new ConfigurationError(`${name}: must be ${expected}; ${problem}`);
}

/** Methods that distinguish a cache from its options, a URL or a Redis client. */
const CACHE_METHODS = ['get', 'set', 'getOrCompute', 'stats', 'physicalKey', 'on'];

export function assertCache(cache: unknown, name = 'cache'): void {
  assertMethods(name, cache, CACHE_METHODS, 'a cache, such as the result of redisCache()');
}

export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new ConfigurationError(`${name}: must be a function, got ${shown(value)}`);
}

/** Checks that an option without a default is given. */
export function assertGiven(name: string, value: unknown): void {
  if (value === undefined) throw new ConfigurationError(`${name}: must be given`);
}
