/**
 * Loads an environment. Precedence: flag, variable, YAML, default of the schema.
 *
 * name or path ─▶ YAML ─▶ + variables (`env.ts`) ─▶ + flags ─▶ validated ─▶ frozen EnvironmentConfig
 */
import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse as parseScalar } from 'yaml';
import { environmentOverrides, readVariables, type Variables } from './env.ts';
import { KitError } from './errors.ts';
import { type EnvironmentConfig, environmentSchema } from './schema.ts';
import { didYouMean } from './spelling.ts';
import { type Override, validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const DIRECTORY = join(import.meta.dirname, 'environments');

/** Flags by dotted path: `{ 'redis.maxmemory': '512mb' }`. Text is read as YAML reads a value. */
export type Overrides = Readonly<Record<string, unknown>>;

export interface EnvironmentSource {
  /** Path of a user's own YAML file, as the user named it; undefined for an environment of the kit. */
  readonly file?: string;
  /** Flags that override it: `redis.maxmemory=512mb`. */
  readonly flags: readonly string[];
}

const SOURCES = new WeakMap<object, EnvironmentSource>();

/** Returns how the user named an environment, for commands in hints. Undefined where it was not loaded here. */
export function sourceOf(environment: Pick<EnvironmentConfig, 'name'>): EnvironmentSource | undefined {
  return SOURCES.get(environment);
}

/** Names of the environments of the kit. */
export function environmentNames(): readonly string[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/**
 * @param nameOrPath a name of `config/environments/`, or the path of a YAML file
 * @param overrides flags; they win over variables
 * @throws KitError with location, invalid value and allowed values; reports all problems at once
 */
export function loadEnvironment(
  nameOrPath: string,
  overrides: Overrides = {},
  variables: Variables = readVariables(),
): EnvironmentConfig {
  const path = fileOf(nameOrPath);
  const config = validate(environmentSchema, readYaml(path), [
    ...environmentOverrides(variables),
    ...flagOverrides(overrides),
  ]);
  SOURCES.set(config, {
    ...(isPath(nameOrPath) ? { file: nameOrPath } : {}),
    flags: Object.entries(overrides).map(([name, value]) => `${name}=${value}`),
  });
  if (!isPath(nameOrPath) && config.name !== nameOrPath) {
    throw new KitError(`must be the name of the file, '${nameOrPath}', got '${config.name}'`, {
      code: 'CONFIG_INVALID',
      where: `config/environments/${nameOrPath}.yaml: name`,
      hint: 'the file locates the environment, and the name its processes and secrets: both must be equal',
    });
  }
  return config;
}

function isPath(nameOrPath: string): boolean {
  return /[/\\]|\.ya?ml$/.test(nameOrPath);
}

function fileOf(nameOrPath: string): string {
  if (isPath(nameOrPath)) return resolve(nameOrPath);
  const names = environmentNames();
  if (names.includes(nameOrPath)) return join(DIRECTORY, `${nameOrPath}.yaml`);
  throw new KitError(
    `'${nameOrPath}' is not an environment${didYouMean(nameOrPath, names) || ';'} available: ${names.join(', ')}`,
    {
      code: 'ENVIRONMENT_UNKNOWN',
      where: 'config/environments',
      hint: 'pass one of these, or the path of a YAML file',
    },
  );
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
