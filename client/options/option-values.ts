/**
 * Checks individual option values. Each function returns the value (or the default if the value is undefined) or throws
 * a `ConfigurationError`.
 */

import { ConfigurationError } from '../api/errors.ts';
import { assertName } from '../keys/identity.ts';
import { durationHint } from './duration-hint.ts';
import { assertOptions, type OptionNames } from './option-names.ts';

export const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);

/** Checks an integer between the bounds. */
export function checkInteger(
  path: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new ConfigurationError(
    `${path}: must be an integer between ${min} and ${max}, got ${shown(value)}${durationHint(path, value)}`,
  );
}

/** Checks a number between the bounds; returns undefined if the value is undefined. */
export function checkNumber(path: string, value: unknown, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new ConfigurationError(
    `${path}: must be a number between ${min} and ${max}, got ${shown(value)}${durationHint(path, value)}`,
  );
}

/** Checks that a value is a non-empty name. */
export function checkName(path: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  assertName(path, value);
  return value;
}

export function checkFlag(path: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean')
    throw new ConfigurationError(`${path}: must be true or false, got ${shown(value)}`);
  return value;
}

/** Checks a group of options. Without `known`, any option name is allowed. */
export function checkGroup<T extends object>(
  path: string,
  value: T | undefined,
  known?: OptionNames,
): T | undefined {
  assertOptions(path, value, known ?? ANY);
  return value;
}

const ANY: Pick<OptionNames, 'has'> = { has: () => true };

export function checkList<T>(path: string, value: readonly T[] | undefined): readonly T[] | undefined {
  if (value === undefined || Array.isArray(value)) return value;
  throw new ConfigurationError(`${path}: must be a list, got ${shown(value)}`);
}
