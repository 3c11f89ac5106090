/** Docker engines of an environment's hosts, and how a command line addresses one of them. Pure. */
import { EXIT, KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { sshCommand, sshTarget } from './ssh-target.ts';

/** Engine of a host in `hosts`. */
export interface Engine {
  /** Name of the host. */
  readonly host: string;
  readonly url: string;
  /** Paths of the client files for TLS. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

type WithHosts = { readonly hosts?: EnvironmentConfig['hosts'] };

/** Returns the engines of an environment; without `hosts`, one undefined element, which means the user's engine. */
export function enginesOf({ hosts }: WithHosts): readonly (Engine | undefined)[] {
  if (hosts === undefined) return [undefined];
  return hosts.map(({ name, engine, tls }) => ({ host: name, url: engine, ...(tls && { tls }) }));
}

/** Returns the arguments with which `docker` addresses an engine. */
export function engineArgs(engine: Engine | undefined): readonly string[] {
  if (engine === undefined) return [];
  const { url, tls } = engine;
  if (tls === undefined) return ['-H', url];
  return ['-H', url, '--tlsverify', '--tlscacert', tls.ca, '--tlscert', tls.cert, '--tlskey', tls.key];
}

/** Returns the start of a shell command for an engine: `docker`, or `docker -H …`. */
export function dockerCommand(engine: Engine | undefined): string {
  return ['docker', ...engineArgs(engine).map((word) => `'${word.replaceAll("'", "'\\''")}'`)].join(' ');
}

export function unreachableEngine(engine: Engine): KitError {
  const { host, url } = engine;
  const ssh = sshTarget(url);
  const command = ssh === undefined ? dockerCommand(engine) : `${sshCommand(ssh)} docker`;
  return new KitError(`the Docker engine of host '${host}' is not reachable`, {
    code: 'DOCKER_NO_ENGINE',
    where: url,
    hint: `start the engine, or check the address: ${command} version`,
    exitCode: EXIT.UNKNOWN,
  });
}
