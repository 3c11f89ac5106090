/**
 * Reads TypeScript just well enough for the architecture rules: the imports of a file, and the length of its functions.
 *
 * source ─▶ mask (comments and literals blanked, same offsets and lines) ─▶ regular expressions and bracket matching
 *
 * Left out: a real parser. TypeScript 7 has no JavaScript API, and the architecture rules should not need a dependency.
 */

export interface Import {
  readonly specifier: string;
  /**
   * True for `import type …` and for an import in which every name is marked `type`. Such an import is erased and loads
   * nothing.
   */
  readonly typeOnly: boolean;
  readonly line: number;
}

interface Masked {
  /** Same length as the source. Comments and the content of literals are replaced by spaces; line breaks are kept. */
  readonly code: string;
  /** Text of each string literal by the offset of its opening quote. */
  readonly strings: ReadonlyMap<number, string>;
}

/** Matches code after which a slash starts a regular expression rather than a division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|of|in|await|yield))\s*$/;

/** Blanks comments, strings, templates and regular expressions, so that only code remains. */
export function mask(source: string): Masked {
  const code = source.split('');
  const strings = new Map<number, string>();
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (code[i] !== '\n') code[i] = ' ';
  };
  let at = 0;
  /** Brace depths at which the `${` of a template was opened. */
  const templates: number[] = [];
  let depth = 0;
  while (at < source.length) {
    const two = source.slice(at, at + 2);
    const char = source.charAt(at);
    let end = at + 1;
    if (two === '//' || (two === '#!' && at === 0)) {
      end = indexOrEnd(source, '\n', at);
      blank(at, end);
    } else if (two === '/*') {
      end = indexOrEnd(source, '*/', at + 2) + 2;
      blank(at, Math.min(end, source.length));
    } else if (char === "'" || char === '"') {
      end = closing(source, at + 1, char);
      strings.set(at, source.slice(at + 1, end));
      blank(at + 1, end);
      end += 1;
    } else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') {
        templates.pop();
        depth -= 1;
      }
      const { to, interpolates } = templatePart(source, at + 1);
      blank(at + 1, to);
      end = to + (interpolates ? 2 : 1);
      if (interpolates) {
        depth += 1;
        templates.push(depth);
      }
    } else if (char === '/' && BEFORE_REGEX.test(code.slice(Math.max(0, at - 20), at).join(''))) {
      end = regexEnd(source, at + 1);
      blank(at + 1, end);
      end += 1;
    } else if (char === '{') depth += 1;
    else if (char === '}') depth -= 1;
    at = end;
  }
  return { code: code.join(''), strings };
}

/** Every module that a file names: static imports, re-exports, dynamic imports, and workers created from a URL. */
export function importsOf(source: string): readonly Import[] {
  const { code, strings } = mask(source);
  const found: Import[] = [];
  const add = (quoteAt: number, typeOnly: boolean) => {
    const specifier = strings.get(quoteAt);
    if (specifier !== undefined) found.push({ specifier, typeOnly, line: lineAt(source, quoteAt) });
  };
  for (const match of code.matchAll(/\b(?:import|export)\b([^;'"`()=]*?)\bfrom\s*(?=['"])/g)) {
    add(match.index + match[0].length, isTypeOnly(match[1] ?? ''));
  }
  for (const match of code.matchAll(/\bimport\s*(?=['"])/g)) add(match.index + match[0].length, false);
  for (const match of code.matchAll(/\bimport\s*\(\s*/g)) {
    const at = match.index + match[0].length;
    if (strings.has(at)) add(at, false);
    else found.push({ specifier: '<computed>', typeOnly: false, line: lineAt(source, at) });
  }
  for (const match of code.matchAll(/\bnew\s+URL\s*\(\s*(?=['"])/g)) {
    const at = match.index + match[0].length;
    if (/\.[cm]?ts$/.test(strings.get(at) ?? '')) add(at, false);
  }
  return found.sort((a, b) => a.line - b.line);
}

export interface FunctionSpan {
  readonly line: number;
  readonly lines: number;
}

/** Functions, methods and arrow functions with a body, each with its number of lines. */
export function functionsOf(source: string): readonly FunctionSpan[] {
  const { code } = mask(source);
  const found: FunctionSpan[] = [];
  for (let open = code.indexOf('{'); open !== -1; open = code.indexOf('{', open + 1)) {
    const head = headOf(code, open);
    if (head === undefined) continue;
    const from = lineAt(code, head);
    found.push({ line: from, lines: lineAt(code, matching(code, open)) - from + 1 });
  }
  return found;
}

/**
 * Start of the head of the function whose body opens at `open`; undefined if this brace does not open a function body.
 */
function headOf(code: string, open: number): number | undefined {
  const before = code.slice(Math.max(0, open - 400), open).trimEnd();
  if (before.endsWith('=>')) return open;
  // `) {` or `): Type {`
  const annotated = /\)\s*(?::\s*[\w.<>[\]|&\s,'"?]+)?$/.exec(before);
  if (annotated === null) return undefined;
  const close = Math.max(0, open - 400) + annotated.index;
  const parameters = matchingBackwards(code, close);
  const name = /([\w$#]+)\s*(?:<[^<>]*>)?\s*$/.exec(
    code.slice(Math.max(0, parameters - 80), parameters),
  )?.[1];
  return name === undefined || /^(?:if|for|while|switch|catch|with)$/.test(name) ? undefined : parameters;
}

function matching(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === '{') depth += 1;
    if (code[i] === '}' && --depth === 0) return i;
  }
  return code.length - 1;
}

function matchingBackwards(code: string, close: number): number {
  let depth = 0;
  for (let i = close; i >= 0; i--) {
    if (code[i] === ')') depth += 1;
    if (code[i] === '(' && --depth === 0) return i;
  }
  return 0;
}

function isTypeOnly(clause: string): boolean {
  const text = clause.trim();
  if (/^type\b(?!\s*,)/.test(text)) return true;
  const braces = /^\{([\s\S]*)\}$/.exec(text);
  if (braces === null) return false;
  const names = (braces[1] ?? '').split(',').map((name) => name.trim());
  return names.every((name) => name === '' || name.startsWith('type '));
}

function templatePart(source: string, from: number): { to: number; interpolates: boolean } {
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i += 1;
    else if (source[i] === '`') return { to: i, interpolates: false };
    else if (source[i] === '$' && source[i + 1] === '{') return { to: i, interpolates: true };
  }
  return { to: source.length, interpolates: false };
}

function regexEnd(source: string, from: number): number {
  let inClass = false;
  for (let i = from; i < source.length; i++) {
    const char = source[i];
    if (char === '\\') i += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if ((char === '/' && !inClass) || char === '\n') return i;
  }
  return source.length;
}

function closing(source: string, from: number, quote: string): number {
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i += 1;
    else if (source[i] === quote || source[i] === '\n') return i;
  }
  return source.length;
}

function indexOrEnd(source: string, text: string, from: number): number {
  const index = source.indexOf(text, from);
  return index === -1 ? source.length : index;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = 0; i < offset; i++) if (text[i] === '\n') line += 1;
  return line;
}
