/** Options that several commands share, with the same name, default and description. */
import { InvalidArgumentError, Option } from 'commander';
import { environmentFlags } from '../config/load.ts';
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
  new Option('-e, --env <name>', 'name in kit.yaml or config/environments, or a YAML file').default('dev');

export const substrate = () =>
  new Option('--substrate <name>', 'substrate of the environment')
    .choices(OWN_SUBSTRATE_NAMES)
    .default('local');

/** Option `--substrate` for commands that change nothing. */
export const searchAll = () =>
  new Option('--substrate <name>', 'substrate to search (default: all, local first)').choices(
    OWN_SUBSTRATE_NAMES,
  );

export const set = () =>
  new Option('--set <path=value>', 'override a setting of the YAML and the variables (repeatable)')
    .argParser(parseSetting)
    .default({}, 'none');

export const json = () =>
  new Option('--json', 'print one JSON value on stdout, including errors; no progress');

export const profile = () =>
  new Option('--profile <name>', 'quick: n of n observed; full: enough trials for confidence bounds')
    .choices(['quick', 'full'])
    .default('quick');

/** Option `--profile` for runs that can also measure the capacity of the environment and this machine. */
export const profileWithCapacity = () =>
  new Option(
    '--profile <name>',
    'quick: n of n observed; full: enough trials for confidence bounds; capacity: rates, connections and memory of this machine',
  )
    .choices(['quick', 'full', 'capacity'])
    .default('quick');

/** Option `--profile` for readiness, including the profiles that select one kind of gate. */
export const profileOfReadiness = () =>
  new Option(
    '--profile <name>',
    'quick: n of n observed; full: enough trials for confidence bounds; capacity, canary, rehearsal: only the gates of that kind',
  )
    .choices(['quick', 'full', 'capacity', 'canary', 'rehearsal'])
    .default('quick');

export const seed = () => new Option('--seed <n>', 'seed of the workload').argParser(integer(0)).default(1);

export const out = () => new Option('--out <dir>', 'run folder (default: runs/<id>)').argParser(nonEmpty);

/** Option for files with the user's own gates; repeatable. */
export const gates = () =>
  new Option('--gates <file>', 'YAML file with additional gates, overrides and waivers (repeatable)')
    .argParser((file: string, before: readonly string[]) => [...before, nonEmpty(file)])
    .default([], 'none');

/** Option for extension modules; repeatable. */
export const modules = () =>
  new Option('--module <file>', 'extension module, in addition to those in kit.yaml (repeatable)')
    .argParser((file: string, before: readonly string[]) => [...before, nonEmpty(file)])
    .default([], 'none');

export const baseline = () =>
  new Option('--baseline <dir>', 'run folder to compare with; exit code 1 if a criterion is worse').argParser(
    nonEmpty,
  );

export const trials = () =>
  new Option('--trials <n>', 'trials per drill (default: set by the profile)').argParser(integer(1));

/** Maximum number of retries: a report holds at most `MAX_ROUNDS` rounds, including the first one. */
const MAX_RETRIES = 10;

export const retries = (byDefault: number) =>
  new Option('--retries <n>', 'repeat trials on a busy machine up to n times')
    .argParser(integer(0, MAX_RETRIES))
    .default(byDefault);

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`Must be an integer ${range}.`);
    }
    return value;
  };
}

export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+(?:\.\d+)?$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Must be a number from ${min} to ${max}.`);
    return value;
  };
}

function parseSetting(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [, path, value] = /^([A-Za-z][\w.]*)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) {
    throw new InvalidArgumentError('Must be path=value, such as redis.maxmemory=512mb.');
  }
  return { ...before, [path]: value };
}

export function redisVersion(text: string): string {
  if (!/^\d+\.\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('Must be a version such as 7.0.15.');
  return text;
}

export function nonEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Must be a non-empty string.');
  return text;
}

/**
 * Formats a command for use in hints; the environment may also be given as a YAML file:
 * `kit down --env ./mine.yaml --substrate docker`.
 */
export function commandFor(
  verb: string,
  environment: Pick<EnvironmentConfig, 'name'>,
  substrate: SubstrateName,
): string {
  const flags = substrate === 'local' ? '' : ` --substrate ${substrate}`;
  return `kit ${verb} ${environmentFlags(environment)}${flags}`;
}
