/**
 * `kit.yaml` contains the parts that a repository adds to the kit: environments, gate files, waivers and extension
 * modules. Commands read it from the working directory, or from `--config FILE`.
 *
 * kit.yaml ─▶ findProject ─▶ Project ─▶ load.ts (environments), harness (gates, waivers, modules)
 *
 * Left out: the settings of its environments, which `environment-source.ts` merges with the environments that they
 * extend, and the content of gate files and modules.
 */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { KitError } from './errors.ts';
import { gatesSchema, type Waiver } from './gates.ts';
import { means } from './meaning.ts';
import { environmentName } from './settings.ts';
import { validate } from './validate.ts';
import { displayPath, readYaml, type YamlSource } from './yaml.ts';

/** File name in the working directory. */
export const PROJECT_FILE = 'kit.yaml';

const yamlFile = z.string().regex(/\.ya?ml$/, 'the path of a YAML file');

/** Environment as written: its settings are validated after the merge with the environment that it extends. */
const partialEnvironment = z.record(z.string(), z.unknown());

export const projectSchema = z.strictObject({
  environments: z
    .record(environmentName, partialEnvironment)
    .default({})
    .meta(
      means(
        'Environments by name, each with the settings of an environment file. `extends` names a built-in environment, an environment of this file or a YAML file; the settings given here take precedence over its settings.',
        'a map of names; each value has `extends` and any setting of an environment',
      ),
    ),
  gates: z
    .array(yamlFile)
    .default([])
    .meta(means('Gate files, relative to this file, in addition to the built-in gates.')),
  waivers: gatesSchema.shape.waivers,
  modules: z
    .array(z.string().min(1, 'a path or a package name'))
    .default([])
    .meta(
      means(
        'Extension modules: paths relative to this file that start with ./ or ../, or names of installed packages.',
        'a list of paths and package names',
      ),
    ),
});

/** A `kit.yaml`, or the absence of one. Frozen. */
export interface Project {
  /** Absolute path; undefined without a file. */
  readonly file: string | undefined;
  /** Path given with `--config`, as the user typed it; undefined if the file was found in the working directory. */
  readonly named: string | undefined;
  readonly source: YamlSource | undefined;
  /** Settings as written, by the name of the environment. */
  readonly environments: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Absolute paths of the gate files. */
  readonly gates: readonly string[];
  readonly waivers: readonly Waiver[];
  /** Absolute paths of modules, or names of packages. */
  readonly modules: readonly string[];
}

/** Project of a directory without a `kit.yaml`. */
export const NO_PROJECT: Project = Object.freeze({
  file: undefined,
  named: undefined,
  source: undefined,
  environments: {},
  gates: [],
  waivers: [],
  modules: [],
});

/** Path given with `--config`. It is a property of the process, like its working directory. */
let selected: string | undefined;

/** Selects the file for this process; undefined: `kit.yaml` in the working directory, if there is one. */
export function selectProject(file: string | undefined): void {
  selected = file;
}

/**
 * Finds and reads the `kit.yaml`.
 *
 * @param named path of the file, which must exist; default: the selected one
 * @param directory directory that is searched for `kit.yaml` if no path is given
 * @throws KitError CONFIG_NOT_FOUND, CONFIG_UNREADABLE, CONFIG_SYNTAX, or CONFIG_INVALID with every problem in its
 * structure
 */
export function findProject(
  named: string | undefined = selected,
  directory: string = process.cwd(),
): Project {
  const file = resolve(directory, named ?? PROJECT_FILE);
  if (!existsSync(file)) {
    if (named === undefined) return NO_PROJECT;
    throw new KitError('no such file', {
      code: 'CONFIG_NOT_FOUND',
      where: displayPath(file),
      hint: `pass the path of a kit.yaml; kit init writes one`,
    });
  }
  const source = readYaml(file);
  const text = validate(projectSchema, { ...source, value: source.value ?? {} });
  const fromFile = (path: string) => resolve(dirname(file), path);
  return Object.freeze({
    file,
    named,
    source,
    environments: text.environments,
    gates: text.gates.map(fromFile),
    waivers: text.waivers,
    modules: text.modules.map((name) => (isPath(name) ? fromFile(name) : name)),
  });
}

/** Whether a module is named by its path, as the module loader decides. */
const isPath = (name: string): boolean => /^\.{1,2}\/|\.[cm]?[jt]s$/.test(name) || isAbsolute(name);
