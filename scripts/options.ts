/** Options that several verbs share: same name, same default, same description in all of them. */
import { InvalidArgumentError, Option } from 'commander';
import { sourceOf } from '../config/load.ts';
import type { EnvironmentConfig } from '../config/schema.ts';
import {
  OWN_SUBSTRATE_NAMES,
  type OwnSubstrateName,
  type SubstrateName,
} from '../infra/substrates/registry.ts';

export interface EnvironmentOptions {
  readonly env: string;
  readonly substrate: OwnSubstrateName;
  readonly set: Readonly<Record<string, string>>;
}

export const environment = () =>
  new Option('-e, --env <name>', 'environment: a name in config/environments, or a YAML file').default('dev');

export const substrate = () =>
  new Option('--substrate <name>', 'where it runs').choices(OWN_SUBSTRATE_NAMES).default('local');

/** For verbs that change nothing. */
export const searchAll = () =>
  new Option('--substrate <name>', 'where to look; absent: wherever it runs, local first').choices(
    OWN_SUBSTRATE_NAMES,
  );

export const set = () =>
  new Option('--set <path=value>', 'a setting over the YAML and the variables; may be given again')
    .argParser(setting)
    .default({}, 'none');

export const json = () =>
  new Option('--json', 'for programs: one JSON value on stdout, errors too; no progress');

export const profile = () =>
  new Option('--profile <name>', 'quick: n of n observed; full: enough trials for claims with confidence')
    .choices(['quick', 'full'])
    .default('quick');

export const seed = () =>
  new Option('--seed <n>', 'the same seed gives the same workload').argParser(integer(0)).default(1);

export const out = () =>
  new Option('--out <dir>', 'folder of the run; absent: runs/<id>').argParser(nonEmpty);

export const trials = () =>
  new Option('--trials <n>', 'trials of each drill instead of its profile’s').argParser(integer(1));

/** A report holds at most `MAX_ROUNDS` rounds, including the first one. */
const MAX_RETRIES = 10;

export const retries = (byDefault: number) =>
  new Option('--retries <n>', 'repeat up to n times the trials in which the machine was too busy')
    .argParser(integer(0, MAX_RETRIES))
    .default(byDefault);

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`Allowed: a whole number ${range}.`);
    }
    return value;
  };
}

function setting(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, path, value] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) {
    throw new InvalidArgumentError('Allowed: path=value, such as redis.maxmemory=512mb.');
  }
  return { ...before, [path]: value };
}

export function redisVersion(text: string): string {
  if (!/^\d+\.\d+(?:\.\d+)?$/.test(text))
    throw new InvalidArgumentError('Allowed: a version such as 7.0.15.');
  return text;
}

export function nonEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Allowed: text that is not empty.');
  return text;
}

/**
 * Formats a command for hints, also for an environment of a YAML file: `kit down --env ./mine.yaml --substrate docker`.
 */
export function commandFor(
  verb: string,
  environment: Pick<EnvironmentConfig, 'name'>,
  substrate: SubstrateName,
): string {
  const flags = substrate === 'local' ? '' : ` --substrate ${substrate}`;
  return `kit ${verb} --env ${sourceOf(environment)?.file ?? environment.name}${flags}`;
}
