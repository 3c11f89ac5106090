/**
 * Finds the text of an environment, and merges it with the environments that it extends.
 *
 *   NAME ─▶ kit.yaml ─▶ else config/environments/NAME.yaml        FILE ─▶ the file
 *   extends: BASE ─▶ the same search; settings of BASE ◀─ overridden by those of the extending environment
 *
 * Objects are merged by key; lists and single values are replaced. The name is never inherited: it identifies the
 * processes and secrets of an environment. Each setting keeps the location at which it was set, for error messages.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { KitError } from './errors.ts';
import { findProject, type Project } from './project.ts';
import { didYouMean } from './spelling.ts';
import { quoteValue } from './validate.ts';
import { type Path, readYaml, type YamlSource } from './yaml.ts';

const DIRECTORY = join(import.meta.dirname, 'environments');

/** Settings of one file, or of one environment of kit.yaml. */
interface Layer {
  /** Key that identifies the layer within a chain. */
  readonly key: string;
  /** Title for messages. */
  readonly title: string;
  readonly source: YamlSource;
  /** Location of the settings in the source. */
  readonly prefix: Path;
  readonly settings: unknown;
  /** Directory of the file; paths in `extends` are relative to it. */
  readonly directory: string;
}

/** Returns the names of the built-in environments. */
function shippedNames(): readonly string[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * Returns the names of the built-in environments and of the environments in `kit.yaml`.
 *
 * @throws KitError if `kit.yaml` is invalid
 */
export function environmentNames(project: Project = findProject()): readonly string[] {
  return [...new Set([...shippedNames(), ...Object.keys(project.environments)])].sort();
}

/**
 * Whether an environment has this name, even if its settings are invalid.
 *
 * @throws KitError if `kit.yaml` is invalid
 */
export function isEnvironmentName(name: string): boolean {
  return shippedNames().includes(name) || environmentNames().includes(name);
}

/** Whether the user named a file rather than an environment. */
export function isEnvironmentFile(nameOrPath: string): boolean {
  return /[/\\]|\.ya?ml$/.test(nameOrPath);
}

/**
 * Reads an environment and everything that it extends.
 *
 * @returns the merged settings, not yet validated
 * @throws KitError ENVIRONMENT_UNKNOWN, CONFIG_INVALID for `extends` and `name`, CONFIG_UNREADABLE, CONFIG_SYNTAX
 */
export function readEnvironment(nameOrPath: string, project: Project): YamlSource {
  const layers = chainOf(findLayer(nameOrPath, project, process.cwd(), []), project);
  const [top] = layers;
  if (top === undefined) throw new Error('a chain has at least one layer');
  if (layers.length === 1 && top.prefix.length === 0) return top.source;
  const merged = layers.reduceRight<unknown>((base, { settings }) => merge(base, settings), {});
  const name = nameOf(top);
  const { extends: _, name: __, ...settings } = merged as Record<string, unknown>;
  const locate = (path: Path) => {
    // The name of an extended environment is not used.
    const candidates = path[0] === 'name' ? [top] : layers;
    const layer = candidates.find((one) => hasPath(one.settings, path)) ?? top;
    const own = [...layer.prefix, ...path];
    return { file: layer.source.file, line: layer.source.lineOf(own), path: own };
  };
  return {
    file: top.source.file,
    value: { ...(name === undefined ? {} : { name }), ...settings },
    lineOf: (path) => locate(path).line,
    locate,
  };
}

/**
 * Returns the location of an environment's own settings, not of those that it extends: the file, and the path within
 * it.
 *
 * @throws KitError as `readEnvironment`
 */
export function environmentPlace(
  nameOrPath: string,
  project: Project = findProject(),
): { readonly file: string; readonly prefix: Path } {
  const { key, prefix } = findLayer(nameOrPath, project, process.cwd(), []);
  return { file: prefix.length === 0 ? key : (project.file ?? key), prefix };
}

/** Returns the layers of an environment, from the most derived one to the base. */
function chainOf(top: Layer, project: Project): readonly Layer[] {
  const layers = [top];
  for (let layer = top; ; ) {
    const base = extendsOf(layer);
    if (base === undefined) return layers;
    layer = findLayer(base, project, layer.directory, layers);
    layers.push(layer);
  }
}

/** Finds a layer. @param chain layers that lead to this one, the last of which extends it */
function findLayer(nameOrPath: string, project: Project, directory: string, chain: readonly Layer[]): Layer {
  const layer =
    fileLayer(nameOrPath, directory) ??
    projectLayer(nameOrPath, project, chain.at(-1)) ??
    shippedLayer(nameOrPath);
  if (layer === undefined) throw unknownEnvironment(nameOrPath, project, chain.at(-1));
  if (!chain.some(({ key }) => key === layer.key)) return layer;
  const path = [...chain, layer].map(({ title }) => title).join(' → ');
  throw extendsError(chain.at(-1) ?? layer, `must not extend itself, got ${path}`);
}

function fileLayer(path: string, directory: string): Layer | undefined {
  if (!isEnvironmentFile(path)) return undefined;
  const file = resolve(directory, path);
  const source = readYaml(file);
  return {
    ...{ key: file, title: source.file, source, prefix: [], settings: source.value },
    directory: dirname(file),
  };
}

/**
 * Returns the layer of an environment in `kit.yaml`. If the environment extends its own name, it extends the built-in
 * environment with this name.
 */
function projectLayer(
  name: string,
  { environments, source, file }: Project,
  from: Layer | undefined,
): Layer | undefined {
  const key = `${file}: ${name}`;
  if (source === undefined || file === undefined || !Object.hasOwn(environments, name)) return undefined;
  if (from?.key === key) return undefined;
  return {
    ...{ key, title: name, source, prefix: ['environments', name] },
    settings: environments[name],
    directory: dirname(file),
  };
}

function shippedLayer(name: string): Layer | undefined {
  if (!shippedNames().includes(name)) return undefined;
  const layer = fileLayer(join(DIRECTORY, `${name}.yaml`), DIRECTORY);
  return layer && { ...layer, title: `${name} of the kit` };
}

function extendsOf(layer: Layer): string | undefined {
  const value = (layer.settings as { readonly extends?: unknown } | null)?.extends;
  if (value === undefined || typeof value === 'string') return value;
  throw extendsError(layer, `must be the name of an environment or a YAML file, got ${quoteValue(value)}`);
}

/** Returns the environment name: the key in `kit.yaml`, or the `name` setting of a file. */
function nameOf(top: Layer): unknown {
  const given = (top.settings as { readonly name?: unknown }).name;
  const key = top.prefix.at(-1);
  if (key === undefined || given === undefined || given === key) return key ?? given;
  throw new KitError(`must be the name of the environment, '${key}', got ${quoteValue(given)}`, {
    code: 'CONFIG_INVALID',
    where: whereOf(top, 'name'),
    hint: 'remove the setting: the key of an environment is its name',
  });
}

function extendsError(layer: Layer, problem: string): KitError {
  return new KitError(problem, {
    code: 'CONFIG_INVALID',
    where: whereOf(layer, 'extends'),
    hint: `built-in environments: ${shippedNames().join(', ')}`,
  });
}

function unknownEnvironment(name: string, project: Project, from: Layer | undefined): KitError {
  const names = environmentNames(project);
  const problem = `'${name}' is not an environment${didYouMean(name, names) || ';'} available: ${names.join(', ')}`;
  return new KitError(problem, {
    code: 'ENVIRONMENT_UNKNOWN',
    where: from === undefined ? placesOf(project) : whereOf(from, 'extends'),
    hint: 'pass one of these, or the path of a YAML file',
  });
}

const placesOf = ({ source }: Project): string =>
  source === undefined ? 'config/environments' : `${source.file}, config/environments`;

function whereOf({ source, prefix }: Layer, key: string): string {
  const path = [...prefix, key];
  return `${source.file}:${source.lineOf(path)}: ${path.join('.')}`;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merge(base: unknown, over: unknown): unknown {
  if (!isMap(base) || !isMap(over)) return over === undefined ? base : over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], over[key])]));
}

function hasPath(value: unknown, path: Path): boolean {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return false;
    at = (at as Record<string | number, unknown>)[part];
  }
  return true;
}
