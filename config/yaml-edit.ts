/**
 * Changes settings in an environment's YAML file. Comments, order and layout of all other lines stay the same: the
 * document gives the position of each value, and only the text at that position is replaced (the library's printer
 * would change the layout of lists).
 *
 * text ─▶ document ─▶ replacement by position ─▶ text, once per setting ─▶ the change, line by line
 *
 * Left out: whether the new values are valid, which `loadEnvironment` checks with the values as overrides.
 */
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { KitError } from './errors.ts';
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
}

/** Setting to change, and its location. */
interface Change {
  readonly file: string;
  readonly keys: Path;
  readonly value: string;
}

/**
 * Changes settings in the text of a file.
 *
 * @param changes values in the notation of the file, by dotted path: `redis.maxmemory` and `512mb`
 * @param prefix location of the settings in the file: `['environments', 'shop']` in a `kit.yaml`
 * @throws KitError `CONFIG_SYNTAX` if the file is not YAML; `CONFIG_NOT_EDITABLE` if a value is not written in place,
 * such as an alias
 */
export function editSettings(
  text: string,
  file: string,
  changes: ReadonlyMap<string, string>,
  prefix: Path = [],
): YamlEdit {
  parseYaml(text, file);
  const edits = [...changes].map(([path, value]) => ({ file, keys: [...prefix, ...path.split('.')], value }));
  // Applied one after the other, because two settings may need the same new map.
  const after = edits.reduce((result, change) => {
    const { from, to, text: part } = replacementOf(result, change);
    return result.slice(0, from) + part + result.slice(to);
  }, text);
  parseYaml(after, file);
  const document = parseDocument(after);
  for (const change of edits)
    if (document.getIn(change.keys) !== parseDocument(change.value).toJS()) throw notEditable(change);
  return { before: text, after, difference: differenceOf(text.split('\n'), after.split('\n')) };
}

function replacementOf(text: string, change: Change): Replacement {
  const { keys, value } = change;
  let node: unknown = parseDocument(text).contents;
  let depth = 0;
  while (depth < keys.length && isMap(node) && node.has(keys[depth])) {
    node = node.get(keys[depth], true);
    depth += 1;
  }
  if (depth === keys.length && isScalar(node) && node.range) {
    return { from: node.range[0], to: node.range[1], text: value };
  }
  if (!isMap(node)) throw notEditable(change);
  return insertion(node, text, keys.slice(depth), value);
}

function notEditable({ file, keys, value }: Change): KitError {
  const path = keys.join('.');
  return new KitError(
    `${path}: cannot be edited automatically: the value is an alias or empty, or comments are in the way`,
    {
      code: 'CONFIG_NOT_EDITABLE',
      where: file,
      hint: `set ${path} to ${value} manually; nothing was written`,
    },
  );
}

/** Returns the edit that inserts a key missing from the file after the last key of its map. */
function insertion(map: YAMLMap, text: string, keys: Path, value: string): Replacement {
  const [first = '', ...rest] = keys;
  const entry = `${first}: ${rest.reduceRight<string>((inner, key) => `{ ${key}: ${inner} }`, value)}`;
  const end = map.range?.[1] ?? text.length;
  if (map.flow === true) {
    const before = text.slice(0, text.lastIndexOf('}', end - 1)).trimEnd();
    const comma = map.items.length > 0 && !before.endsWith(',') ? ',' : '';
    return { from: before.length, to: before.length, text: `${comma} ${entry}` };
  }
  const last = map.items.at(-1)?.value as { range?: [number, number, number] } | undefined;
  const start = map.range?.[0] ?? 0;
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  const lineEnd = text.indexOf('\n', (last?.range?.[1] ?? end) - 1);
  const at = lineEnd < 0 ? text.length : lineEnd;
  return { from: at, to: at, text: `\n${indent}${entry}` };
}

/** Returns the lines that are in only one of the texts, as determined by their longest common subsequence. */
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
