/** Options of the commands that can use an external Redis, and the resulting run. */
import { type Command, Option } from 'commander';
import { type AttachFlags, type AttachTarget, attachTarget } from '../config/attach.ts';
import { KitError } from '../config/errors.ts';
import { currentSubstrateName, SUBSTRATE_NAMES } from '../config/substrate-names.ts';
import type { SubstrateName } from '../infra/substrates/registry.ts';
import { nonEmpty } from './options.ts';

/** `--substrate`, including `external`. */
export const anySubstrate = () => {
  const option = new Option('--substrate <name>', 'substrate; external: an external Redis')
    .choices(SUBSTRATE_NAMES)
    .default('local');
  const requireChoice = option.parseArg;
  return option.argParser((text, previous) => requireChoice?.(currentSubstrateName(text), previous));
};

const FLAGS = (): Readonly<Record<keyof AttachFlags, Option>> => ({
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

export function addAttachOptions(command: Command): void {
  for (const [name, option] of Object.entries(FLAGS())) {
    command.addOption(name === 'yes' ? option : option.argParser(nonEmpty));
  }
}

/**
 * Returns the Redis to attach to; undefined on another substrate.
 *
 * @throws KitError `ATTACH_INVALID`
 */
export function attachOf(
  options: AttachFlags & { readonly substrate: SubstrateName },
): AttachTarget | undefined {
  if (options.substrate === 'external') return attachTarget(options);
  const stray = Object.entries(FLAGS()).find(([name]) => options[name as keyof AttachFlags] !== undefined);
  if (stray === undefined) return undefined;
  throw new KitError(`${stray[1].long} requires --substrate external, got ${options.substrate}`, {
    code: 'ATTACH_INVALID',
    where: 'command line',
    hint: 'add --substrate external, or remove the option',
  });
}
