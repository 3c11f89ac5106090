/**
 * Reads environment variables, from `process.env` and from `.env` in the working directory. `process.env` takes
 * precedence. An empty variable counts as unset. Only this file and `client/env.ts` read `process.env`.
 *
 * Groups of variables:
 *   environment   settings of an environment, which override its YAML file (`environmentOverrides`)
 *   connection    location of an application's Redis: `fromEnv()` of the client, and external Redis.
 *                 They never affect an environment: an exported REDIS_URL cannot redirect a drill.
 *   application   features of an application that uses the client
 *   kit           state directory of the kit, and the programs that it starts
 */
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { KitError } from './errors.ts';
import type { Override } from './validate.ts';
import { displayPath } from './yaml.ts';

export interface Variable {
  readonly text: string;
  /** Source of the value: `variable`, or the line of the `.env` file. */
  readonly origin: string;
}

export type Variables = ReadonlyMap<string, Variable>;

export interface VariableDescription {
  readonly serves: 'environment' | 'connection' | 'application' | 'kit';
  readonly meaning: string;
}

/** Every variable of the kit and its client, except secrets (`secrets.ts`). */
export const VARIABLES: Readonly<Record<string, VariableDescription>> = {
  CACHE_NAMESPACE: { serves: 'environment', meaning: 'prefix of every key' },
  CACHE_DEFAULT_TTL: {
    serves: 'environment',
    meaning: 'TTL in seconds of entries that are written without one',
  },
  REDIS_TTL: { serves: 'environment', meaning: 'same as CACHE_DEFAULT_TTL, which takes precedence' },
  CIRCUIT_BREAKER_ENABLED: {
    serves: 'environment',
    meaning: 'whether the circuit breaker is enabled: true or false',
  },
  CIRCUIT_BREAKER_THRESHOLD: {
    serves: 'environment',
    meaning: 'number of consecutive failures that open the circuit breaker',
  },
  CIRCUIT_BREAKER_TIMEOUT: {
    serves: 'environment',
    meaning: 'maximum time in seconds that the circuit breaker stays open',
  },
  REDIS_URL: {
    serves: 'connection',
    meaning: 'redis:// or rediss:// URL; takes precedence over host, port and database',
  },
  REDIS_HOST: { serves: 'connection', meaning: 'host' },
  REDIS_PORT: { serves: 'connection', meaning: 'port' },
  REDIS_USERNAME: { serves: 'connection', meaning: 'user' },
  REDIS_PASSWORD: { serves: 'connection', meaning: 'password' },
  REDIS_PASSWORD_FILE: {
    serves: 'connection',
    meaning: 'file that contains the password; external Redis only',
  },
  REDIS_DB: { serves: 'connection', meaning: 'database number' },
  REDIS_TLS: { serves: 'connection', meaning: 'true: use TLS' },
  REDIS_TLS_CA: { serves: 'connection', meaning: 'PEM file of the CA' },
  REDIS_CLUSTER_ENABLED: {
    serves: 'connection',
    meaning: 'true: the addresses are nodes of a Redis Cluster',
  },
  REDIS_SENTINEL_HOSTS: { serves: 'connection', meaning: 'host:port of every sentinel, comma-separated' },
  REDIS_SERVICE_NAME: { serves: 'connection', meaning: 'name of the master that the sentinels monitor' },
  REDIS_NAT_MAP: {
    serves: 'connection',
    meaning:
      'address map of nodes, announced=reachable, comma-separated: 10.0.0.1:6379=127.0.0.1:7001; applications only',
  },
  REDIS_SENTINEL_USERNAME: { serves: 'connection', meaning: 'sentinel user' },
  REDIS_SENTINEL_PASSWORD: { serves: 'connection', meaning: 'sentinel password' },
  REDIS_SENTINEL_PASSWORD_FILE: {
    serves: 'connection',
    meaning: 'file that contains the sentinel password; external Redis only',
  },
  CACHE_WARMING_ENABLED: {
    serves: 'application',
    meaning: 'whether to warm the cache at start; default true',
  },
  CACHE_MONITORING_ENABLED: { serves: 'application', meaning: 'whether to export metrics; default true' },
  ENABLE_REDIS_CACHE: { serves: 'application', meaning: 'true: use Redis; false or unset: memory only' },
  KIT_STATE_DIR: {
    serves: 'kit',
    meaning: 'state directory: environments, their data and secrets; default .kit',
  },
  KIT_SERVER: {
    serves: 'kit',
    meaning: 'server program of local environments without local.server: path, or name of a program in PATH',
  },
  ENABLE_PATTERN_CACHE: { serves: 'application', meaning: 'canary flag of the pattern cache' },
};

export interface VariableSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Directory that contains `.env`; default: the working directory. */
  readonly directory?: string;
}

/** Reads all variables: from the process, then from `.env`. */
export function readVariables(sources: VariableSources = {}): Variables {
  const found = new Map<string, Variable>();
  const file = resolve(sources.directory ?? process.cwd(), '.env');
  const text = readOptional(file);
  const lines = text.split('\n');
  for (const [name, value] of Object.entries(parseEnv(text))) {
    const line = lines.findIndex((each) => each.replace(/^\s*(export\s+)?/, '').startsWith(name)) + 1;
    if (value !== undefined && value !== '')
      found.set(name, { text: value, origin: `${displayPath(file)}:${line}` });
  }
  for (const [name, value] of Object.entries(sources.env ?? process.env)) {
    if (value !== undefined && value !== '') found.set(name, { text: value, origin: 'variable' });
  }
  return found;
}

function readOptional(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new KitError(`cannot be read: ${(error as Error).message}`, {
      code: 'CONFIG_UNREADABLE',
      where: displayPath(file),
      hint: 'make this path a readable file, or remove it',
      cause: error,
    });
  }
}

type Parse = (text: string) => unknown;

const SWITCH: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** Returns unparsable text unchanged, so that validation can quote it with the allowed values. */
const asText: Parse = (text) => text;
const asNumber: Parse = (text) => (/^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text);
/** Returns the boolean that a string such as `true`, `off` or `1` means; other text unchanged. */
export function parseSwitch(text: string): boolean | string {
  return SWITCH[text.trim().toLowerCase()] ?? text;
}
const asSwitch: Parse = parseSwitch;
const asSecondsInMs: Parse = (text) => {
  const seconds = asNumber(text);
  return typeof seconds === 'number' ? seconds * 1000 : text;
};

/** Settings in increasing order of precedence: a later, more specific setting overrides an earlier one. */
export const ENVIRONMENT_SETTINGS: readonly { name: string; path: string; parse: Parse }[] = [
  { name: 'CACHE_NAMESPACE', path: 'client.namespace', parse: asText },
  { name: 'REDIS_TTL', path: 'client.defaultTtlSeconds', parse: asNumber },
  { name: 'CACHE_DEFAULT_TTL', path: 'client.defaultTtlSeconds', parse: asNumber },
  { name: 'CIRCUIT_BREAKER_ENABLED', path: 'client.breaker.enabled', parse: asSwitch },
  { name: 'CIRCUIT_BREAKER_THRESHOLD', path: 'client.breaker.threshold', parse: asNumber },
  { name: 'CIRCUIT_BREAKER_TIMEOUT', path: 'client.breaker.openMs', parse: asSecondsInMs },
];

/** Returns the environment settings that are set by variables. */
export function environmentOverrides(variables: Variables): readonly Override[] {
  return ENVIRONMENT_SETTINGS.flatMap(({ name, path, parse }) => {
    const variable = variables.get(name);
    if (variable === undefined) return [];
    const origin = `${variable.origin === 'variable' ? 'variable' : `${variable.origin}:`} ${name}=${variable.text}`;
    return [{ path: path.split('.'), value: parse(variable.text), origin }];
  });
}

/**
 * Passes this process's compile cache, if it has one, to the threads and processes that it starts, because enabling a
 * cache affects only the current process. If NODE_COMPILE_CACHE is already set, it takes precedence.
 */
export function shareCompiledCode(): void {
  const folder = nodeModule.getCompileCacheDir?.();
  // The named folder contains one folder per Node.js version.
  if (folder !== undefined) process.env.NODE_COMPILE_CACHE ??= dirname(folder);
}
