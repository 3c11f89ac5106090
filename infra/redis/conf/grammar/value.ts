/**
 * Defines the kinds of values and checks a value against its kind, as the servers' `config.c` does. Left out:
 * combinations of several lines (`infra/redis/conf/lint/start/`), and facts about the machine (paths, ports).
 */

import { atLeast, hasFeaturesOf, type ServerVersion } from '../../server-version.ts';
import { type QuoteOptions, splitArguments } from '../text.ts';
import { parseInteger, parseMemory, parsePrefix } from './numbers.ts';

/** A value that is not allowed, with the allowed values. */
export interface Problem {
  readonly reason: string;
  readonly allowed: string;
}

/** Checks the arguments of one line for one server; returns undefined if they are accepted. */
export type Check = (args: readonly string[], server: ServerVersion) => Problem | undefined;

export type NumberFormat =
  | 'integer'
  /** Bytes, with or without a unit. */
  | 'memory'
  /** Bytes, or -1 for no limit; used by only one Valkey directive. */
  | 'memory-or-minus-1'
  | 'memory-or-percent'
  | 'octal';

export type ValueKind =
  | { readonly kind: 'switch' }
  | {
      readonly kind: 'number';
      readonly min: bigint;
      readonly max: bigint;
      readonly format: NumberFormat;
      /** Whether the server holds the value in an unsigned type, so a negative value is compared as a huge one. */
      readonly isUnsigned: boolean;
    }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  /** One argument, which may be any text; `check`, if present, checks it. */
  | { readonly kind: 'text'; readonly check?: Check }
  /** Several arguments, or one quoted word that holds them all. */
  | { readonly kind: 'list'; readonly check: Check }
  /** Accepted with one argument of any text, but has no effect. */
  | { readonly kind: 'ignored' };

export const quote = (text: string) => `'${text}'`;

export function problem(value: string, allowed: string): Problem {
  return { reason: `${quote(value)} is not allowed`, allowed };
}

/** Returns the quoting rules of a server: Valkey 9.0 reads `a"b"c` as one word (valkey-io/valkey#2098). */
export function quoteOptions({ family, version }: ServerVersion): QuoteOptions {
  return { allowsMixedWords: family === 'valkey' && atLeast(version, '9.0') };
}

/** Whether the server splits a single quoted word into a list, as servers have done since 7.0 (MULTI_ARG_CONFIG). */
export function splitsQuotedLists(server: ServerVersion): boolean {
  return hasFeaturesOf(server, '7.0');
}

export function checkValue(
  value: ValueKind,
  args: readonly string[],
  server: ServerVersion,
): Problem | undefined {
  if (value.kind === 'list') return value.check(listWords(args, server), server);
  const [text, ...more] = args;
  if (text === undefined || more.length > 0) return wrongCount(value, args, server);
  switch (value.kind) {
    case 'ignored':
      return undefined;
    case 'text':
      return value.check?.(args, server);
    case 'switch':
      return /^(?:yes|no)$/i.test(text) ? undefined : problem(text, 'yes or no');
    case 'choice':
      return value.of.some((each) => each.toLowerCase() === text.toLowerCase())
        ? undefined
        : problem(text, value.of.join(', '));
    case 'number':
      return isNumber(text, value, server) ? undefined : problem(text, describeNumber(value));
  }
}

/** Returns the arguments of a list. A single non-empty word is split again, like a line. */
export function listWords(args: readonly string[], server: ServerVersion): readonly string[] {
  const [only, ...more] = args;
  if (only === undefined || only === '' || more.length > 0 || !splitsQuotedLists(server)) return args;
  return splitArguments(only, quoteOptions(server)) ?? [];
}

function wrongCount(value: ValueKind, args: readonly string[], server: ServerVersion): Problem {
  const comment = args.findIndex((arg, i) => i > 0 && arg.startsWith('#'));
  const allowed = `one argument: ${describeValue(value, server)}`;
  if (comment > 0) {
    return {
      reason: `${quote(args.slice(comment).join(' '))} is read as arguments: a comment needs its own line`,
      allowed: `${allowed}; move the comment to the line above`,
    };
  }
  const found = args.length === 0 ? 'the value is missing' : `${args.length} arguments are one too many`;
  return { reason: args.length > 2 ? `${args.length} arguments are too many` : found, allowed };
}

type NumberKind = Extract<ValueKind, { kind: 'number' }>;

function isNumber(text: string, kind: NumberKind, server: ServerVersion): boolean {
  const read = readNumber(text, kind, server);
  if (read === undefined) return false;
  const signed = BigInt.asIntN(64, read);
  if (kind.isUnsigned) {
    if (signed < 0n && refusesNegative(server)) return false;
    const unsigned = BigInt.asUintN(64, signed);
    return unsigned >= kind.min && unsigned <= kind.max;
  }
  // A percentage is kept as a negative number, so a size above 2^63 bytes counts as a percentage.
  if (kind.format === 'memory-or-percent' && signed < 0n) return signed >= kind.min;
  return signed >= kind.min && signed <= kind.max;
}

/**
 * Whether the server refuses a negative number. Measured: 8.2.3 refuses it, older servers compare it as an unsigned
 * number.
 */
function refusesNegative({ family, version }: ServerVersion): boolean {
  return family === 'redis' && atLeast(version, '8.0');
}

function readNumber(text: string, { format }: NumberKind, server: ServerVersion): bigint | undefined {
  switch (format) {
    case 'integer':
      return parseInteger(text);
    case 'memory':
      return parseMemory(text, server);
    case 'memory-or-minus-1':
      return text === '-1' ? -1n : parseMemory(text, server);
    case 'memory-or-percent': {
      const bytes = parseMemory(text, server);
      if (bytes !== undefined || !text.endsWith('%')) return bytes;
      const percent = parseInteger(text.slice(0, -1));
      return percent === undefined || percent < 0n ? undefined : -percent;
    }
    case 'octal': {
      const { value, rest, isOverflow } = parsePrefix(text, 8);
      if (isOverflow) return undefined;
      // Redis 6.2 parses unixsocketperm with strtol, which ignores trailing characters.
      if (!splitsQuotedLists(server)) return BigInt.asUintN(32, value);
      return rest === '' ? value : undefined;
    }
  }
}

function describeNumber({ min, max, format }: NumberKind): string {
  const range = `from ${min} to ${max}`;
  switch (format) {
    case 'integer':
      return `a whole number ${range}`;
    case 'memory':
      return `a size such as 512mb (units b, k, kb, m, mb, g, gb; no space before the unit) ${range} bytes`;
    case 'memory-or-minus-1':
      return 'a size such as 512mb, or -1 for no limit';
    case 'memory-or-percent':
      return 'a size such as 512mb, or a percentage from 0% to 100%';
    case 'octal':
      return 'an octal number from 0 to 777';
  }
}

/** Describes the allowed values for messages. */
function describeValue(value: ValueKind, server: ServerVersion): string {
  switch (value.kind) {
    case 'switch':
      return 'yes or no';
    case 'number':
      return describeNumber(value);
    case 'choice':
      return value.of.join(', ');
    case 'text':
      return value.check?.([], server)?.allowed ?? 'any text, in quotes where it has spaces';
    case 'list':
      return value.check([], server)?.allowed ?? 'a list of words';
    case 'ignored':
      return 'anything: it has no effect';
  }
}
