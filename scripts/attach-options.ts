/** Options of the verbs that can attach to an external Redis, and the resulting run. */
import { type Command, Option } from 'commander';
import { type AttachFlags, type AttachTarget, attachTarget } from '../config/attach.ts';
import { KitError } from '../config/errors.ts';
import { currentSubstrateName, SUBSTRATE_NAMES } from '../config/substrate-names.ts';
import type { SubstrateName } from '../infra/substrates/registry.ts';
import { nonEmpty } from './options.ts';

/** `--substrate`, including `external`. */
export const anySubstrate = () => {
  const option = new Option('--substrate <name>', 'where it runs; external: a Redis that somebody else runs')
    .choices(SUBSTRATE_NAMES)
    .default('local');
  const requireChoice = option.parseArg;
  return option.argParser((text, previous) => requireChoice?.(currentSubstrateName(text), previous));
};

const FLAGS = (): Readonly<Record<keyof AttachFlags, Option>> => ({
  url: new Option(
    '--url <url>',
    'external: redis://host:port, rediss:// for TLS; better: variable REDIS_URL',
  ),
  sentinels: new Option('--sentinels <list>', 'external: host:port of the sentinels, comma-separated'),
  cluster: new Option('--cluster <list>', 'external: host:port of nodes of a Redis Cluster'),
  serviceName: new Option('--service-name <name>', 'external: what the sentinels call the master'),
  user: new Option('--user <name>', 'external: user; variable REDIS_USERNAME'),
  passwordFile: new Option('--password-file <file>', 'external: holds the password; variable REDIS_PASSWORD'),
  tlsCa: new Option('--tls-ca <file>', 'external: PEM of the CA; speaks TLS'),
  yes: new Option('--yes', 'external: load on a host that is not this machine is agreed'),
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
  throw new KitError(`${stray[1].long} is for --substrate external; this is ${options.substrate}`, {
    code: 'ATTACH_INVALID',
    where: 'command line',
    hint: 'add --substrate external, or leave it out',
  });
}
