/** Options of the verbs that can attach to an external Redis, and the resulting run. */
import { type Command, Option } from 'commander';
import { type AttachFlags, type AttachTarget, attachTarget } from '../config/attach.ts';
import { KitError } from '../config/errors.ts';
import { SUBSTRATE_NAMES, type SubstrateName } from '../infra/substrates/registry.ts';
import { nonEmpty } from './options.ts';

/** `--substrate`, including `attached`. */
export const anySubstrate = () =>
  new Option('--substrate <name>', 'where it runs; attached: a Redis that somebody else runs')
    .choices(SUBSTRATE_NAMES)
    .default('local');

const FLAGS = (): Readonly<Record<keyof AttachFlags, Option>> => ({
  url: new Option(
    '--url <url>',
    'attached: redis://host:port, rediss:// for TLS; better: variable REDIS_URL',
  ),
  sentinels: new Option('--sentinels <list>', 'attached: host:port of the sentinels, comma-separated'),
  cluster: new Option('--cluster <list>', 'attached: host:port of nodes of a Redis Cluster'),
  serviceName: new Option('--service-name <name>', 'attached: what the sentinels call the master'),
  user: new Option('--user <name>', 'attached: user; variable REDIS_USERNAME'),
  passwordFile: new Option('--password-file <file>', 'attached: holds the password; variable REDIS_PASSWORD'),
  tlsCa: new Option('--tls-ca <file>', 'attached: PEM of the CA; speaks TLS'),
  yes: new Option('--yes', 'attached: load on a host that is not this machine is agreed'),
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
  if (options.substrate === 'attached') return attachTarget(options);
  const stray = Object.entries(FLAGS()).find(([name]) => options[name as keyof AttachFlags] !== undefined);
  if (stray === undefined) return undefined;
  throw new KitError(`${stray[1].long} is for --substrate attached; this is ${options.substrate}`, {
    code: 'ATTACH_INVALID',
    where: 'command line',
    hint: 'add --substrate attached, or leave it out',
  });
}
