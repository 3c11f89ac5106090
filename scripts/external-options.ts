/** Options for the commands that support an external Redis, and the target that they describe. */
import { type Command, Option } from 'commander';
import { KitError } from '../config/errors.ts';
import { type ExternalFlags, type ExternalTarget, readExternalTarget } from '../config/external-target.ts';
import { currentSubstrateName, SUBSTRATE_NAMES } from '../config/substrate-names.ts';
import type { SubstrateName } from '../infra/substrates/registry.ts';
import { nonEmpty } from './options.ts';

/** Returns the option `--substrate`, with `external` among its values. */
export const anySubstrate = () => {
  const option = new Option('--substrate <name>', 'substrate; external: an external Redis')
    .choices(SUBSTRATE_NAMES)
    .default('local');
  const requireChoice = option.parseArg;
  return option.argParser((text, previous) => requireChoice?.(currentSubstrateName(text), previous));
};

const FLAGS = (): Readonly<Record<keyof ExternalFlags, Option>> => ({
  url: new Option(
    '--url <url>',
    'external: redis://host:port, or rediss:// for TLS (prefer the variable REDIS_URL)',
  ),
  sentinels: new Option('--sentinels <list>', 'external: host:port of the sentinels, comma-separated'),
  cluster: new Option('--cluster <list>', 'external: host:port of cluster nodes, comma-separated'),
  serviceName: new Option('--service-name <name>', 'external: service name of the master in the sentinels'),
  user: new Option('--user <name>', 'external: user name (variable REDIS_USERNAME)'),
  passwordFile: new Option(
    '--password-file <file>',
    'external: file with the password (variable REDIS_PASSWORD)',
  ),
  tlsCa: new Option('--tls-ca <file>', 'external: CA certificate in PEM; enables TLS'),
  yes: new Option('--yes', 'external: confirm load on a remote host'),
});

/** Adds the options. @param yes option `--yes` of the command; undefined if the command has none */
export function addExternalOptions(command: Command, yes: Option | undefined = FLAGS().yes): void {
  for (const [name, option] of Object.entries(FLAGS())) {
    if (name !== 'yes') command.addOption(option.argParser(nonEmpty));
  }
  if (yes !== undefined) command.addOption(yes);
}

/**
 * Returns the external Redis; undefined on another substrate.
 *
 * @throws KitError `EXTERNAL_INVALID`
 */
export function externalTargetOf(
  options: ExternalFlags & { readonly substrate: SubstrateName },
): ExternalTarget | undefined {
  if (options.substrate === 'external') return readExternalTarget(options);
  const stray = Object.entries(FLAGS()).find(([name]) => options[name as keyof ExternalFlags] !== undefined);
  if (stray === undefined) return undefined;
  throw new KitError(`${stray[1].long} requires --substrate external, got ${options.substrate}`, {
    code: 'EXTERNAL_INVALID',
    where: 'command line',
    hint: 'add --substrate external, or remove the option',
  });
}
