/**
 * Text of a redis.conf or sentinel.conf: parsed as Redis parses it (`sdssplitargs` of sds.c), and written so that Redis
 * reads the same values again. Used by the renderers and by the lint. Pure.
 */

export interface ConfLine {
  /** Line number, from 1. */
  readonly line: number;
  readonly raw: string;
  /**
   * Name of the directive in lower case; `sentinel down-after-milliseconds` for Sentinel options; undefined for a
   * comment or an empty line.
   */
  readonly name: string | undefined;
  readonly args: readonly string[];
  /** Describes the problem if the quotes are unbalanced and Redis therefore refuses to start. */
  readonly broken?: string;
}

/** Number of bytes that the server reads from a file at once (CONFIG_READ_LEN). */
const READ_MAX_BYTES = 1024;

/** Rules for reading quotes. */
export interface QuoteOptions {
  /** Whether quoted and unquoted text may form one word, `a"b"c`: Valkey 9.0 and newer. Default: it is an error. */
  readonly allowsMixedWords?: boolean;
}

export function parseConf(text: string, options: QuoteOptions = {}): readonly ConfLine[] {
  const lines = text.replace(/\n$/, '').split('\n');
  const numbered = lines.map((raw, index) => ({ raw, line: index + 1 }));
  const read = text.includes('\0') ? dropAfterZeroBytes(numbered) : numbered;
  return read.map((line) => parseLine(line, options));
}

interface NumberedLine {
  readonly raw: string;
  readonly line: number;
}

/**
 * Returns the lines as the server stores them: after a zero byte, the rest of the line and the line break are dropped,
 * so the next line is appended.
 */
function dropAfterZeroBytes(lines: readonly NumberedLine[]): readonly NumberedLine[] {
  const kept: { raw: string; line: number }[] = [];
  let isContinued = false;
  for (const { raw, line } of lines) {
    const end = raw.indexOf('\0');
    const part = end === -1 ? raw : raw.slice(0, end) + laterPieces(raw, end);
    const last = kept.at(-1);
    if (isContinued && last !== undefined) last.raw += part;
    else kept.push({ raw: part, line });
    isContinued = end !== -1;
  }
  return kept;
}

/**
 * Returns the later parts of a long line. The server reads it in pieces, and keeps the pieces after the one with the
 * zero byte.
 */
function laterPieces(raw: string, end: number): string {
  const next = (Math.floor(end / READ_MAX_BYTES) + 1) * READ_MAX_BYTES;
  if (next >= raw.length) return '';
  const rest = raw.slice(next);
  const zero = rest.indexOf('\0');
  return zero === -1 ? rest : rest.slice(0, zero) + laterPieces(rest, zero);
}

function parseLine({ raw, line }: NumberedLine, options: QuoteOptions): ConfLine {
  // As in sdstrim, which removes fewer characters than JavaScript or C define as white space.
  const text = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  if (text === '' || text.startsWith('#')) return { line, raw, name: undefined, args: [] };
  const words = splitArguments(text, options);
  if (words === undefined) {
    const name = asciiLowerCase(text.split(/[ \t]/)[0] ?? '');
    return { line, raw, name, args: [], broken: 'unbalanced quotes' };
  }
  const [first = '', ...rest] = words;
  if (words.length === 0) return { line, raw, name: undefined, args: [] };
  const name = asciiLowerCase(first);
  if (name !== 'sentinel') return { line, raw, name, args: rest };
  const [option] = rest;
  return {
    line,
    raw,
    name: option === undefined ? name : `sentinel ${asciiLowerCase(option)}`,
    args: rest.slice(1),
  };
}

/**
 * Converts to lower case as C's `tolower` does: ASCII letters only, so that no other Unicode character is mapped to an
 * ASCII letter.
 */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** Whether the character is white space as defined by C's `isspace`, which separates words. */
const isBlank = (char: string | undefined) => char !== undefined && /[ \t\n\v\f\r]/.test(char);
/**
 * Whether the character ends a word. Fewer characters end a word than separate two: a `\v` inside a word is part of it.
 */
const endsWord = (char: string | undefined) => char === undefined || /[ \t\n\r]/.test(char);

/**
 * Splits a line into words as `sdssplitargs` does; quoted words may contain spaces. Returns undefined if the quotes are
 * unbalanced.
 */
export function splitArguments(text: string, options: QuoteOptions = {}): readonly string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (isBlank(text[at])) {
      at += 1;
      continue;
    }
    const word = readWord(text, at, options.allowsMixedWords === true);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.end;
  }
  return words;
}

function readWord(
  text: string,
  start: number,
  allowsMixedWords: boolean,
): { text: string; end: number } | undefined {
  let out = '';
  let at = start;
  while (!endsWord(text[at])) {
    const char = text[at] ?? '';
    if (char === '"' || char === "'") {
      const quoted = char === '"' ? readDouble(text, at + 1) : readSingle(text, at + 1);
      if (quoted === undefined) return undefined;
      out += quoted.text;
      at = quoted.end;
      if (allowsMixedWords) continue;
      // Only white space may follow a closing quote.
      return at === text.length || isBlank(text[at]) ? { text: out, end: at } : undefined;
    }
    out += char;
    at += 1;
  }
  return { text: out, end: at };
}

function readDouble(text: string, start: number): { text: string; end: number } | undefined {
  let out = '';
  for (let at = start; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '"') return { text: out, end: at + 1 };
    const hex = char === '\\' ? /^\\x([0-9a-fA-F]{2})/.exec(text.slice(at, at + 4))?.[1] : undefined;
    if (hex !== undefined) {
      out += String.fromCharCode(Number.parseInt(hex, 16));
      at += 3;
    } else if (char === '\\' && at + 1 < text.length) {
      at += 1;
      out += ESCAPES[text[at] ?? ''] ?? text[at];
    } else {
      out += char;
    }
  }
  return undefined;
}

function readSingle(text: string, start: number): { text: string; end: number } | undefined {
  let out = '';
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "'") return { text: out, end: at + 1 };
    if (text[at] === '\\' && text[at + 1] === "'") at += 1;
    out += text[at];
  }
  return undefined;
}

/** Formats one word for redis.conf: quoted if necessary. */
export function quoteArgument(word: string): string {
  if (word !== '' && /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e]+$/.test(word) && !word.startsWith('#')) return word;
  const escaped = word
    .replace(/["\\]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

/** Formats the line of a directive. */
export function confLine(name: string, ...args: readonly (string | number)[]): string {
  return [name, ...args.map((arg) => quoteArgument(String(arg)))].join(' ');
}

/** Replaces or removes a directive in the base, and states the reason. */
export type Change =
  /** `reason` becomes the comment above a line that the base does not have. */
  | { readonly name: string; readonly args: readonly (string | number)[]; readonly reason?: string }
  | { readonly name: string; readonly leaveOut: string };

/**
 * Applies changes to a base text. A directive in the base is replaced in place, so that its comment stays above it; a
 * directive that the base does not have is added under a heading at the end. If several changes affect one directive,
 * the last one takes effect.
 */
export function overrideDirectives(base: string, changes: readonly Change[], heading: string): string {
  const latest = new Map(changes.map((change) => [change.name, change]));
  const placed = new Set<string>();
  const kept = parseConf(base).flatMap(({ raw, name }) => {
    const change = name === undefined ? undefined : latest.get(name);
    if (change === undefined) return [raw];
    if (placed.has(change.name)) return [];
    placed.add(change.name);
    return [lineOf(change)];
  });
  const added = [...latest.values()]
    .filter((change) => !placed.has(change.name))
    .filter((change) => 'args' in change);
  const section =
    added.length === 0 ? [] : ['', `# -- ${heading} ${'-'.repeat(Math.max(0, 114 - heading.length))}`, ''];
  return `${[...kept, ...section, ...added.flatMap(explainChange)].join('\n')}\n`;
}

function explainChange(change: Change): readonly string[] {
  const reason = 'reason' in change && change.reason !== undefined ? [`# ${change.reason}`] : [];
  return [...reason, lineOf(change)];
}

function lineOf(change: Change): string {
  return 'args' in change
    ? confLine(change.name, ...change.args)
    : `# ${change.name}: omitted, ${change.leaveOut}`;
}
