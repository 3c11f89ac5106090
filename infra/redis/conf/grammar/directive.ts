/** A directive of redis.conf or valkey.conf, and the builders that are used in the tables. */
import { type Availability, EVERYWHERE } from './availability.ts';
import { INT_MAX, INT_MIN, LONG_MAX, UINT_MAX, ULONG_MAX } from './numbers.ts';
import type { Check, NumberFormat, ValueKind } from './value.ts';

export interface DirectiveName {
  readonly name: string;
  readonly availability: Availability;
  /** Whether the name is accepted only for compatibility with old files. */
  readonly isOld: boolean;
}

export interface Directive {
  /** Canonical name, which is used in the lint rules. */
  readonly name: string;
  /** All names, starting with the canonical one. */
  readonly names: readonly DirectiveName[];
  readonly value: ValueKind;
  /** Whether the directive may occur on several lines, each of which counts. */
  readonly isRepeatable: boolean;
  /** Whether CONFIG GET * leaves the directive out, because it is intended for the servers' own tests. */
  readonly isHidden: boolean;
  /** Whether a module that is part of the server reads the directive. */
  readonly isOfModule: boolean;
}

export interface DirectiveOptions {
  readonly in?: Availability;
  /** Old name that every version accepts. */
  readonly formerly?: string;
  /** Additional name, with the servers that have it. */
  readonly also?: readonly [name: string, availability: Availability];
  readonly isRepeatable?: boolean;
  readonly isHidden?: boolean;
  readonly isOfModule?: boolean;
}

export function directive(name: string, value: ValueKind, options: DirectiveOptions = {}): Directive {
  const names: DirectiveName[] = [{ name, availability: options.in ?? EVERYWHERE, isOld: false }];
  if (options.formerly !== undefined) {
    names.push({ name: options.formerly, availability: EVERYWHERE, isOld: true });
  }
  if (options.also !== undefined) {
    const [other, availability] = options.also;
    names.push({ name: other, availability, isOld: false });
  }
  const { isRepeatable = false, isHidden = false, isOfModule = false } = options;
  return { name, names, value, isRepeatable, isHidden, isOfModule };
}

export const splitWords = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Defines several directives of one kind by their names. */
export function directives(names: string, value: ValueKind, options: DirectiveOptions = {}) {
  return splitWords(names).map((name) => directive(name, value, options));
}

export const SWITCH: ValueKind = { kind: 'switch' };
export const TEXT: ValueKind = { kind: 'text' };
export const IGNORED: ValueKind = { kind: 'ignored' };

export const text = (check: Check): ValueKind => ({ kind: 'text', check });
export const list = (check: Check): ValueKind => ({ kind: 'list', check });
export const choice = (of: string): ValueKind => ({ kind: 'choice', of: splitWords(of) });

function number(
  min: bigint | number,
  max: bigint | number,
  format: NumberFormat,
  isUnsigned: boolean,
): ValueKind {
  return { kind: 'number', min: BigInt(min), max: BigInt(max), format, isUnsigned };
}

/** Kind for integers, named after the C type that holds them. */
export const int = (min: number, max: bigint | number = INT_MAX) => number(min, max, 'integer', false);
export const anyInt = number(INT_MIN, INT_MAX, 'integer', false);
export const long = (min: number) => number(min, LONG_MAX, 'integer', false);
export const unsigned = (min: number, max: bigint | number = UINT_MAX) => number(min, max, 'integer', true);
export const size = (min = 0) => number(min, LONG_MAX, 'integer', true);
export const port = int(0, 65_535);

/** Kind for sizes in bytes, in a signed or an unsigned type. */
export const bytes = (min = 0) => number(min, LONG_MAX, 'memory', false);
export const byteSize = (min = 0) => number(min, LONG_MAX, 'memory', true);
export const anyBytes = number(0, ULONG_MAX, 'memory', true);
export const anyUnsigned = number(0, ULONG_MAX, 'integer', true);
export const bytesOrPercent = number(-100, LONG_MAX, 'memory-or-percent', false);
export const bytesOrMinus1 = number(-1, LONG_MAX, 'memory-or-minus-1', false);
export const octal = number(0, 0o777, 'octal', true);
