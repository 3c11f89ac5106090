/**
 * Matches Redis patterns (`*`, `?`, `[a-z]`, `[^a]`, `\x`) against bytes, like MATCH in SCAN. After a mismatch,
 * matching resumes only at the last star, so the running time is at most proportional to the product of pattern length
 * and text length. Left out: ranges with non-ASCII characters, which Redis handles differently on different platforms.
 */
import { assertName } from '../keys/identity.ts';

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'one'; readonly matches: (byte: number) => boolean };

export interface Glob {
  readonly source: string;
  matches(text: string): boolean;
}

const STAR: Token = { kind: 'star' };

/** Compiles a pattern. @throws ConfigurationError if it is empty or not a string */
export function compileGlob(pattern: string): Glob {
  assertName('pattern', pattern);
  const tokens = tokensOf(Buffer.from(pattern));
  return { source: pattern, matches: (text) => matchesGlob(tokens, Buffer.from(text)) };
}

/** Escapes a string so that the pattern matches only this string. */
export const escapeGlob = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&');

function matchesGlob(tokens: readonly Token[], text: Buffer): boolean {
  let [token, at] = [0, 0];
  let star: { readonly token: number; at: number } | undefined;
  while (at < text.length) {
    const next = tokens[token];
    if (next?.kind === 'star') {
      star = { token, at };
      token += 1;
    } else if (next?.matches(text[at] as number)) {
      token += 1;
      at += 1;
    } else if (star) {
      star.at += 1;
      [token, at] = [star.token + 1, star.at];
    } else return false;
  }
  while (tokens[token]?.kind === 'star') token += 1;
  return token === tokens.length;
}

const code = (character: string): number => character.charCodeAt(0);
const literal = (byte: number): Token => ({ kind: 'one', matches: (other) => other === byte });

function tokensOf(pattern: Buffer): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const byte = pattern[at] as number;
    if (byte === code('*')) {
      if (tokens.at(-1) !== STAR) tokens.push(STAR);
    } else if (byte === code('?')) tokens.push({ kind: 'one', matches: () => true });
    else if (byte === code('[')) {
      const set = setAt(pattern, at + 1);
      tokens.push(set.token);
      at = set.end;
    } else {
      if (byte === code('\\') && at + 1 < pattern.length) at += 1;
      tokens.push(literal(pattern[at] as number));
    }
    at += 1;
  }
  return tokens;
}

/**
 * Parses the characters in brackets, after the opening bracket. `end` is the index of the closing bracket, which may be
 * missing.
 */
function setAt(pattern: Buffer, from: number): { readonly token: Token; readonly end: number } {
  let at = from;
  const negated = pattern[at] === code('^');
  if (negated) at += 1;
  const ranges: (readonly [number, number])[] = [];
  while (at < pattern.length && pattern[at] !== code(']')) {
    const [first, third] = [pattern[at] as number, pattern[at + 2]];
    if (first === code('\\') && at + 1 < pattern.length) {
      at += 1;
      ranges.push([pattern[at] as number, pattern[at] as number]);
    } else if (pattern[at + 1] === code('-') && third !== undefined) {
      ranges.push([Math.min(first, third), Math.max(first, third)]);
      at += 2;
    } else ranges.push([first, first]);
    at += 1;
  }
  const inside = (byte: number): boolean => ranges.some(([low, high]) => byte >= low && byte <= high);
  return { token: { kind: 'one', matches: (byte) => inside(byte) !== negated }, end: at };
}
