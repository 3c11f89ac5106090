/**
 * Changes settings in the YAML file of an environment. Comments, order and layout of everything else stay: the document gives
 * the position of each value, and only the text at that position is replaced (the printer of the library would change
 * the layout of lists).
 *
 * text ─▶ document ─▶ replacements by position ─▶ text ─▶ the change, line by line
 *
 * Left out: whether the new values are valid, which `loadEnvironment` checks with them as overrides.
 */
import { type Document, isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { type Path, parseYaml } from './yaml.ts';

export interface YamlEdit {
  readonly before: string;
  readonly after: string;
  /** Changed lines, as `- old` and `+ new`. */
  readonly difference: readonly string[];
}

interface Replacement {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** Columns of indentation of a new line: at one position, the line of the inner map comes first. */
  readonly indent?: number;
}

/**
 * @param changes values as the file writes them, by dotted path: `redis.maxmemory` and `512mb`
 * @param prefix location of the settings in the file: `['environments', 'shop']` in a `kit.yaml`
 * @throws KitError `CONFIG_SYNTAX` if the file is not YAML
 */
export function editSettings(
  text: string,
  file: string,
  changes: ReadonlyMap<string, string>,
  prefix: Path = [],
): YamlEdit {
  parseYaml(text, file);
  const document = parseDocument(text);
  const replacements = [...changes].map(([path, value]) =>
    replacementOf(document, text, [...prefix, ...path.split('.')], value),
  );
  const after = replacements
    .sort((a, b) => b.from - a.from || (a.indent ?? 0) - (b.indent ?? 0))
    .reduce((result, { from, to, text: part }) => result.slice(0, from) + part + result.slice(to), text);
  parseYaml(after, file);
  return { before: text, after, difference: differenceOf(text.split('\n'), after.split('\n')) };
}

function replacementOf(document: Document.Parsed, text: string, keys: Path, value: string): Replacement {
  let node: unknown = document.contents;
  let depth = 0;
  while (depth < keys.length && isMap(node) && node.has(keys[depth])) {
    node = node.get(keys[depth], true);
    depth += 1;
  }
  if (depth === keys.length && isScalar(node) && node.range) {
    return { from: node.range[0], to: node.range[1], text: value };
  }
  if (!isMap(node)) throw new TypeError(`${keys.join('.')}: is no single value in the file`);
  return insertion(node, text, keys.slice(depth), value);
}

/** A key that the file does not have goes behind the last one of its map. */
function insertion(map: YAMLMap, text: string, keys: Path, value: string): Replacement {
  const [first = '', ...rest] = keys;
  const entry = `${first}: ${rest.reduceRight<string>((inner, key) => `{ ${key}: ${inner} }`, value)}`;
  const end = map.range?.[1] ?? text.length;
  if (map.flow === true) {
    const brace = text.lastIndexOf('}', end);
    const at = text.slice(0, brace).trimEnd().length;
    return { from: at, to: at, text: `${map.items.length > 0 ? ',' : ''} ${entry}` };
  }
  const last = map.items.at(-1)?.value as { range?: [number, number, number] } | undefined;
  const start = map.range?.[0] ?? 0;
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  const lineEnd = text.indexOf('\n', (last?.range?.[1] ?? end) - 1);
  const at = lineEnd < 0 ? text.length : lineEnd;
  return { from: at, to: at, text: `\n${indent}${entry}`, indent: indent.length };
}

/** Lines that are only in one of the texts, by their longest common subsequence. */
function differenceOf(before: readonly string[], after: readonly string[]): readonly string[] {
  const common = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = common[i] as Uint16Array;
      row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) [i, j] = [i + 1, j + 1];
    else if (i < before.length && (j >= after.length || at(i + 1, j) >= at(i, j + 1)))
      lines.push(`- ${before[i++]}`);
    else lines.push(`+ ${after[j++]}`);
  }
  return lines;
}
