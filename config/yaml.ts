/**
 * Reads a YAML file with the position of each value, so that an error can name the line.
 *
 * text ─▶ parseYaml ─▶ YamlSource ─▶ validate (`validate.ts`) ─▶ a frozen value
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { KitError } from './errors.ts';

export type Path = readonly (string | number)[];

export interface YamlSource {
  /** File name for error messages: relative to the working directory if the file is inside it. */
  readonly file: string;
  readonly value: unknown;
  /** Returns the line of the value at `path`, or of its nearest ancestor in the file. */
  lineOf(path: Path): number;
  /** Returns file, line and path of a value; undefined if every value is in `file`, at its own path. */
  readonly locate?: (path: Path) => Location;
}

export interface Location {
  readonly file: string;
  readonly line: number;
  /** Path within the file. */
  readonly path: Path;
}

/** Reads a YAML file. @throws KitError `CONFIG_UNREADABLE`, or `CONFIG_SYNTAX` with the line of every syntax error */
export function readYaml(path: string): YamlSource {
  const file = displayPath(path);
  try {
    return parseYaml(readFileSync(path, 'utf8'), file);
  } catch (error) {
    if (error instanceof KitError) throw error;
    throw new KitError(`cannot be read: ${(error as Error).message}`, {
      code: 'CONFIG_UNREADABLE',
      where: file,
      hint: 'pass the name of an environment, or the path of a readable YAML file',
      cause: error,
    });
  }
}

/** Parses YAML. @throws KitError `CONFIG_SYNTAX` */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const found = document.errors.map((error) => {
      const at = lines.linePos(error.pos[0]);
      return { where: `${file}:${at.line}:${at.col}`, message: `must be YAML: ${oneLine(error.message)}` };
    });
    throw syntaxError(found, file, text, lines, document.errors[0]?.pos[0] ?? 0);
  }
  return {
    file,
    value: document.toJS(),
    lineOf: (path) => lines.linePos(offsetOf(document.contents, path)).line,
  };
}

function syntaxError(
  found: readonly { where: string; message: string }[],
  file: string,
  text: string,
  lines: LineCounter,
  offset: number,
): KitError {
  const hint = 'indent by two spaces; put a space after every colon; quote a value that contains `: ` or `#`';
  const [first] = found;
  const quoted = text.split('\n')[lines.linePos(offset).line - 1]?.trim().slice(0, 80) ?? '';
  if (found.length === 1 && first !== undefined) {
    return new KitError(`${first.message}, at '${quoted}'`, {
      code: 'CONFIG_SYNTAX',
      where: first.where,
      hint,
    });
  }
  const list = found.map((problem) => `  ${problem.where}: ${problem.message}`).join('\n');
  return new KitError(`${found.length} syntax errors, the first at '${quoted}'\n${list}`, {
    code: 'CONFIG_SYNTAX',
    where: file,
    hint,
  });
}

function offsetOf(root: Node | null, path: Path): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Formats a path as a user would type it. */
export function displayPath(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}
