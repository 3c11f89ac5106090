/**
 * Loads an environment. Precedence: flag, variable, YAML, default of the schema.
 *
 * name or path ─▶ YAML (`environment-source.ts`) ─▶ + variables (`env.ts`) ─▶ + flags ─▶ validated ─▶ frozen
 * EnvironmentConfig
 */
import { parse as parseScalar } from 'yaml';
import { environmentOverrides, readVariables, type Variables } from './env.ts';
import { isEnvironmentFile, readEnvironment } from './environment-source.ts';
import { KitError } from './errors.ts';
import { findProject, type Project } from './project.ts';
import { type EnvironmentConfig, environmentSchema } from './schema.ts';
import { type Override, validate } from './validate.ts';

export { environmentNames, isEnvironmentName } from './environment-source.ts';

/** Flags by dotted path: `{ 'redis.maxmemory': '512mb' }`. Text is parsed as a YAML value. */
export type Overrides = Readonly<Record<string, unknown>>;

export interface EnvironmentSource {
  /** Path of a user's own YAML file, as the user named it; undefined for a built-in environment. */
  readonly file?: string;
  /** Path given with `--config`, if any. */
  readonly config?: string;
  /** Flags that override the file: `redis.maxmemory=512mb`. */
  readonly flags: readonly string[];
}

const SOURCES = new WeakMap<object, EnvironmentSource>();
/** Last source for each name, for hints about an environment whose configuration was read from its start record. */
const SOURCES_BY_NAME = new Map<string, EnvironmentSource>();

/** Returns how the user named an environment, for commands in hints; undefined if it was not loaded here. */
export function sourceOf(environment: Pick<EnvironmentConfig, 'name'>): EnvironmentSource | undefined {
  return SOURCES.get(environment);
}

/**
 * Returns the options with which a command finds the environment again: `--env ./mine.yaml`, `--env shop --config
 * ci/kit.yaml`.
 */
export function environmentFlags(environment: Pick<EnvironmentConfig, 'name'>): string {
  const { file, config } = sourceOf(environment) ?? SOURCES_BY_NAME.get(environment.name) ?? {};
  return `--env ${file ?? environment.name}${config === undefined ? '' : ` --config ${config}`}`;
}

/**
 * Loads an environment.
 *
 * @param nameOrPath a name in `kit.yaml` or `config/environments/`, or the path of a YAML file
 * @param overrides flags; they take precedence over variables
 * @param project the `kit.yaml`; default: the one in the working directory, if there is one
 * @throws KitError with location, invalid value and allowed values; reports all problems at once
 */
export function loadEnvironment(
  nameOrPath: string,
  overrides: Overrides = {},
  variables: Variables = readVariables(),
  project: Project = findProject(),
): EnvironmentConfig {
  const config = validate(environmentSchema, readEnvironment(nameOrPath, project), [
    ...environmentOverrides(variables),
    ...flagOverrides(overrides),
  ]);
  const isFile = isEnvironmentFile(nameOrPath);
  const source: EnvironmentSource = {
    ...(isFile ? { file: nameOrPath } : {}),
    ...(project.named === undefined ? {} : { config: project.named }),
    flags: Object.entries(overrides).map(([name, value]) => `${name}=${value}`),
  };
  SOURCES.set(config, source);
  SOURCES_BY_NAME.set(config.name, source);
  if (!isFile && config.name !== nameOrPath) {
    throw new KitError(`must equal the file name, '${nameOrPath}', got '${config.name}'`, {
      code: 'CONFIG_INVALID',
      where: `config/environments/${nameOrPath}.yaml: name`,
      hint: 'the kit finds the environment by the name of the file, and its processes and secrets by the name in the file',
    });
  }
  return config;
}

function flagOverrides(overrides: Overrides): readonly Override[] {
  return Object.entries(overrides).map(([path, value]) => ({
    path: path.split('.'),
    value: typeof value === 'string' ? fromText(value) : value,
    origin: `flag ${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  }));
}

function fromText(text: string): unknown {
  try {
    return parseScalar(text);
  } catch {
    return text;
  }
}
