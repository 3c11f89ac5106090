/** Options for the commands that read or change the data of an environment or of an external Redis. */
import { type Command, Option } from 'commander';
import type { ExternalFlags } from '../../config/external-target.ts';
import { SUBSTRATE_NAMES } from '../../config/substrate-names.ts';
import type { SubstrateName } from '../../infra/substrates/registry.ts';
import { addExternalOptions } from '../external-options.ts';
import * as common from '../options.ts';

export interface DataOptions extends ExternalFlags {
  readonly env: string;
  readonly set: Readonly<Record<string, string>>;
  readonly substrate?: SubstrateName;
  /** Prefix of the keys; default: the prefix of the environment. */
  readonly namespace?: string;
  /** Database number; default: the number in the URL, otherwise 0. */
  readonly db?: number;
}

/** Highest database number that the client accepts. */
const DB_MAX = 65_535;

/**
 * Adds `--env`, `--substrate`, `--set`, `--namespace`, `--db`, `--json` and the options for an external Redis. `--url`,
 * `--sentinels` and `--cluster` imply `--substrate external`.
 *
 * @param changes whether the command changes data: it then asks for confirmation, and accepts `--yes`
 */
export function addDataOptions(command: Command, changes: 'changes' | 'reads'): void {
  const substrate = new Option(
    '--substrate <name>',
    'substrate (default: each on this machine, local first; external with --url)',
  ).choices(SUBSTRATE_NAMES);
  const namespace = new Option('--namespace <name>', "prefix of the keys (default: the environment's)");
  const db = new Option('--db <n>', 'database (default: the database in the URL, else 0)');
  command
    .addOption(common.environment())
    .addOption(substrate)
    .addOption(common.set())
    .addOption(namespace.argParser(common.nonEmpty))
    .addOption(db.argParser(common.integer(0, DB_MAX)))
    .addOption(common.json());
  addExternalOptions(command, changes === 'reads' ? undefined : confirmed());
}

/** Returns the option `--yes` for a command that prompts before it changes something. */
const confirmed = () => new Option('--yes', 'confirm without a prompt');
