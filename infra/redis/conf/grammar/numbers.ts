/**
 * Numbers as the servers' C code reads them: `string2ll`, `memtoull`, `strtoll`, `atoi` and `strtod` in util.c and
 * libc. They differ from JavaScript in accepted syntax (`007`, an empty word, `5s`) and in the result of an overflow.
 */
import { atLeast, type ServerVersion } from '../../server-version.ts';

export const INT_MAX = 2n ** 31n - 1n;
export const INT_MIN = -(2n ** 31n);
export const UINT_MAX = 2n ** 32n - 1n;
export const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);
export const ULONG_MAX = 2n ** 64n - 1n;

/** Parses a word as `string2ll` does: no `+`, no leading zero, no space; undefined if the word does not match. */
export function parseInteger(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9]\d{0,19})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < LONG_MIN || value > LONG_MAX ? undefined : value;
}

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1_000n,
  kb: 1_024n,
  m: 1_000_000n,
  mb: 1_048_576n,
  g: 1_000_000_000n,
  gb: 1_073_741_824n,
};

/** Parses a size as `memtoull` does and returns the 64 bits that the server keeps; a word without digits reads as 0. */
export function parseMemory(text: string, server: ServerVersion): bigint | undefined {
  const [, sign = '', digits = '', unit = ''] = /^(-?)(\d{0,127})([a-z]{0,2})$/i.exec(text) ?? [
    '',
    '-',
    '',
    '?',
  ];
  const factor = UNITS[unit.toLowerCase()];
  if (factor === undefined) return undefined;
  const value = BigInt(digits === '' ? 0 : digits);
  if (server.family === 'redis' && !atLeast(server.version, '7.0')) {
    // memtoll, signed: a negative result is refused.
    const signed = BigInt.asIntN(64, clamp(sign === '-' ? -value : value, LONG_MIN, LONG_MAX) * factor);
    return signed < 0n ? undefined : signed;
  }
  if (sign === '-') return undefined;
  if (value > ULONG_MAX && refusesOverflow(server)) return undefined;
  return BigInt.asUintN(64, clamp(value, 0n, ULONG_MAX) * factor);
}

/**
 * Whether the server refuses an overflow. The version that introduced this is not documented. Measured: 8.0.1 accepts
 * the overflow, 9.1.2 refuses it.
 */
function refusesOverflow({ family, version }: ServerVersion): boolean {
  return family === 'valkey' && atLeast(version, '8.1');
}

function clamp(value: bigint, min: bigint, max: bigint): bigint {
  if (value < min) return min;
  return value > max ? max : value;
}

export interface Prefix {
  readonly value: bigint;
  /** Text after the number. If the text does not begin with a number, this is the whole text, and `value` is 0. */
  readonly rest: string;
  readonly isOverflow: boolean;
}

/** Parses text as `strtoll` does: white space, sign, digits, then anything; an overflow returns the nearest bound. */
export function parsePrefix(text: string, base: 8 | 10 = 10): Prefix {
  const pattern = base === 8 ? /^[ \t-\r]*([+-]?)([0-7]+)/ : /^[ \t-\r]*([+-]?)(\d+)/;
  const [all, sign, digits] = pattern.exec(text) ?? [];
  if (all === undefined || digits === undefined) return { value: 0n, rest: text, isOverflow: false };
  const magnitude = base === 8 ? BigInt(`0o${digits}`) : BigInt(digits);
  const value = sign === '-' ? -magnitude : magnitude;
  const held = clamp(value, LONG_MIN, LONG_MAX);
  return { value: held, rest: text.slice(all.length), isOverflow: held !== value };
}

/** Parses text as `atoi` does: the result of `strtoll`, truncated to 32 bits; the rest of the text is ignored. */
export function atoi(text: string): number {
  return Number(BigInt.asIntN(32, parsePrefix(cString(text)).value));
}

/** Parses a word as `string2d` does: `strtod` must read it completely; undefined for any other word and for NaN. */
export function parseFloatingPoint(text: string, server: ServerVersion): number | undefined {
  if (/^[+-]?(?:inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (refusesOverflow(server)) return undefined; // The same release uses another parser, without hexadecimal numbers.
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)0x([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/i.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const mantissa = Number.parseInt(`${whole}${fraction}`, 16) / 16 ** fraction.length;
  return (sign === '-' ? -1 : 1) * mantissa * 2 ** Number(exponent);
}

/**
 * Returns the text as a C string, which ends at the first zero byte, such as the one that `"\x00"` in a file produces.
 */
export function cString(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}
