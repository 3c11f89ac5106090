/** Loads extension modules by path or package name, and checks their exports. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KitError } from '../../config/errors.ts';
import { clientProblem, workloadProblem } from './client-shape.ts';
import { drillProblem } from './drill-shape.ts';
import type { Extension, LoadedExtension } from './extension.ts';

/**
 * Loads extension modules.
 *
 * @param modules paths (`./my-fault.ts`, absolute paths) or names of installed packages, each loaded once
 * @throws KitError EXTENSION_INVALID with the module, the problem and the remedy
 */
export async function loadExtensions(modules: readonly string[]): Promise<readonly LoadedExtension[]> {
  const files = new Map(modules.map((name) => [fileOf(name), name]));
  const loaded: LoadedExtension[] = [];
  for (const [file, name] of files) loaded.push(await loadExtension(file, name));
  return loaded;
}

async function loadExtension(file: string, name: string): Promise<LoadedExtension> {
  const shown = displayName(file, name);
  const url = pathToFileURL(file).href;
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw invalid(shown, `cannot be loaded: ${reason}`, cause);
  }
  const extension = checkedExtension(shown, module.default);
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  const identity = { name: extension.name, path: shown, sha256 };
  return { module: name, identity, url, extension };
}

function fileOf(name: string): string {
  if (/^\.{1,2}\//.test(name) || isAbsolute(name) || /\.[cm]?[jt]s$/.test(name)) {
    const path = resolve(name);
    if (existsSync(path)) return realpathSync(path);
    throw invalid(name, 'no such file');
  }
  try {
    return createRequire(join(process.cwd(), 'kit.yaml')).resolve(name);
  } catch (cause) {
    const isInstalled = (cause as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
    throw invalid(
      name,
      isInstalled
        ? 'its package.json exports no module for the condition "default" or "require"'
        : 'no installed package has this name',
      cause,
    );
  }
}

function displayName(file: string, name: string): string {
  const inside = relative(process.cwd(), file);
  const isPath = /^\.{1,2}\/|\.[cm]?[jt]s$/.test(name) || isAbsolute(name);
  return isPath && !inside.startsWith('..') && !isAbsolute(inside) ? inside : name;
}

const ID = /^[a-z][a-z0-9-]{0,60}$/;
const FILE = /^[a-z][a-z0-9-]{0,60}\.[a-z0-9]{1,10}$/;

interface PartShape {
  readonly id: 'id' | 'name' | 'file';
  readonly functions: readonly string[];
  readonly texts: readonly string[];
}

const PARTS: Readonly<Record<Exclude<keyof Extension, 'name' | 'strategies'>, PartShape>> = {
  drills: { id: 'id', functions: [], texts: ['title', 'family', 'safeOutcome', 'source'] },
  faults: { id: 'id', functions: ['inject'], texts: [] },
  checkers: { id: 'id', functions: ['check'], texts: ['proves'] },
  workloads: { id: 'name', functions: ['run'], texts: ['kind'] },
  clients: { id: 'name', functions: ['open'], texts: [] },
  reports: { id: 'file', functions: ['render'], texts: [] },
};
const KNOWN = ['name', ...Object.keys(PARTS), 'strategies'];

function checkedExtension(where: string, value: unknown): Extension {
  if (!isObject(value)) throw invalid(where, 'has no default export of defineExtension({ … })');
  if (!isId(value.name))
    throw invalid(where, `name: must be lower-case letters, digits and dashes, got '${value.name}'`);
  const unknown = Object.keys(value).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) throw invalid(where, `unknown part '${unknown}'; allowed: ${KNOWN.join(', ')}`);
  for (const [part, shape] of Object.entries(PARTS)) checkPart(where, part, value[part], shape);
  checkStrategies(where, value.strategies);
  return value as unknown as Extension;
}

function checkPart(where: string, part: string, value: unknown, shape: PartShape): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw invalid(where, `${part}: must be a list`);
  for (const [index, each] of value.entries()) {
    const at = `${part}[${index}]`;
    if (!isObject(each) || !isIdOf(shape.id, each[shape.id]))
      throw invalid(where, `${at}.${shape.id}: must be ${ID_TEXT[shape.id]}`);
    const bad = shape.functions.find((key) => typeof each[key] !== 'function');
    if (bad !== undefined) throw invalid(where, `${at}.${bad}: must be a function`);
    const missing = shape.texts.find((key) => typeof each[key] !== 'string');
    if (missing !== undefined) throw invalid(where, `${at}.${missing}: must be a string`);
    const problem = PROBLEMS[part]?.(each);
    if (problem !== undefined) throw invalid(where, `${at} (${each[shape.id]}): ${problem}`);
  }
}

/** Additional checks for a part, beyond those for its functions and texts. */
const PROBLEMS: Readonly<Record<string, (part: Fields) => string | undefined>> = {
  drills: drillProblem,
  workloads: workloadProblem,
  clients: clientProblem,
};

/**
 * Checks `name` and `generate` of each strategy. The client checks the other options when `kit warm` registers the
 * strategies.
 */
function checkStrategies(where: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  if (!Array.isArray(value)) throw invalid(where, 'strategies: must be a list, or a function of the cache');
  for (const [index, each] of value.entries()) {
    if (!isObject(each) || typeof each.name !== 'string')
      throw invalid(where, `strategies[${index}].name: must be a string`);
    if (typeof each.generate !== 'function')
      throw invalid(where, `strategies[${index}].generate: must be a function`);
  }
}

const ID_TEXT: Readonly<Record<PartShape['id'], string>> = {
  id: 'lower-case letters, digits and dashes',
  name: 'lower-case letters, digits and dashes',
  file: 'a file name such as criteria.csv: lower-case letters, digits and dashes, and a file extension',
};

function isIdOf(key: PartShape['id'], value: unknown): boolean {
  return key === 'file' ? typeof value === 'string' && FILE.test(value) : isId(value);
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

function invalid(where: string, message: string, cause?: unknown): KitError {
  return new KitError(message, {
    code: 'EXTENSION_INVALID',
    where: `module ${where}`,
    hint: 'see docs/extensions.md, and the example in examples/extension/',
    cause,
  });
}
