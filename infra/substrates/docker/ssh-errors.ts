/**
 * Errors of the ssh program, through which the docker command and the Terraform provider reach an engine at ssh://. Each
 * becomes one KitError that names the host and the remedy. Pure.
 *
 * The docker command reports them as `command [ssh …] has exited with …: stderr=…`. Left out: settings for ssh. Keys,
 * known hosts and jump hosts come from the user's ssh configuration and agent, and host keys are always checked.
 */
import { EXIT, KitError } from '../../../config/errors.ts';
import type { Engine } from './engines.ts';
import { type SshTarget, sshCommand, sshTarget } from './ssh-target.ts';

interface Connection {
  /** Name of the host. */
  readonly name: string;
  readonly target: SshTarget;
  /** Output of ssh and of the remote command. */
  readonly output: string;
}

interface SshProblem {
  readonly when: RegExp;
  readonly code: string;
  /** EXIT.UNKNOWN: the host may return. */
  readonly exitCode: typeof EXIT.UNKNOWN | typeof EXIT.USAGE;
  readonly what: (connection: Connection) => string;
  readonly hint: (connection: Connection) => string;
}

const SSH_PROBLEMS: readonly SshProblem[] = [
  {
    when: /executable file not found/i,
    code: 'DOCKER_SSH_NOT_FOUND',
    exitCode: EXIT.USAGE,
    what: ({ name }) => `host '${name}': the ssh command is not installed on this machine`,
    hint: () => 'install the OpenSSH client',
  },
  {
    when: /host identification has changed/i,
    code: 'DOCKER_SSH_HOST_KEY',
    exitCode: EXIT.USAGE,
    what: ({ name }) => `host '${name}': its ssh host key differs from the key in known_hosts`,
    hint: ({ target }) =>
      `if the host was installed again, remove the old key (ssh-keygen -R '${knownName(target)}'), connect once and compare the fingerprint: ${sshCommand(target)}; otherwise another machine has its address`,
  },
  {
    when: /host key verification failed|no \S+ host key is known/i,
    code: 'DOCKER_SSH_HOST_KEY',
    exitCode: EXIT.USAGE,
    what: ({ name }) => `host '${name}': its ssh host key is not in known_hosts`,
    hint: ({ target }) =>
      `connect once, and compare the fingerprint before you accept it: ${sshCommand(target)}`,
  },
  {
    when: /permission denied \([\w,-]+\)|too many authentication failures/i,
    code: 'DOCKER_SSH_DENIED',
    exitCode: EXIT.USAGE,
    what: ({ name, target: { user } }) =>
      `host '${name}': its ssh server denies access${user === undefined ? '' : ` to user '${user}'`}`,
    hint: ({ target }) =>
      `add your public key to authorized_keys on the host, and load the private key (ssh-add) or name it in ~/.ssh/config (IdentityFile); check: ${sshCommand(target, '-o', 'BatchMode=yes')} docker version`,
  },
  {
    when: /docker: (?:command )?not found/i,
    code: 'DOCKER_SSH_NO_DOCKER',
    exitCode: EXIT.USAGE,
    what: ({ name }) => `host '${name}': the docker command is not in the PATH of its ssh server`,
    hint: ({ target }) => `install Docker on the host; check: ${sshCommand(target)} docker version`,
  },
  {
    when: /permission denied.*(docker|socket)/is,
    code: 'DOCKER_PERMISSION',
    exitCode: EXIT.USAGE,
    what: ({ name, target: { user } }) =>
      `the Docker engine of host '${name}' denies access to ${user === undefined ? 'the ssh user' : `user '${user}'`}`,
    hint: ({ target }) =>
      `on the host, add the user to the group docker (usermod -aG docker USER); check: ${sshCommand(target)} docker version`,
  },
  {
    when: /kex_exchange_identification|connection (?:closed|reset) by|client version \S+ is too new/i,
    code: 'DOCKER_NO_ENGINE',
    exitCode: EXIT.UNKNOWN,
    what: ({ name }) => `host '${name}': its ssh server closed the connection before the login`,
    hint: ({ target }) =>
      `check the log of the ssh server, which may limit new connections (MaxStartups); check: ${sshCommand(target)} docker version`,
  },
];

/** Returns the name of a host in known_hosts. */
const knownName = ({ host, port }: SshTarget): string =>
  port === undefined || port === 22 ? host : `[${host}]:${port}`;

/**
 * Returns the KitError for a failed ssh connection; undefined if the connection succeeded.
 *
 * @param stderr output of the docker command
 */
export function sshTrouble(stderr: string, { host: name, url }: Engine): KitError | undefined {
  const target = sshTarget(url);
  const output = outputOfSsh(stderr);
  if (target === undefined || output === undefined) return undefined;
  const connection = { name, target, output };
  const known = SSH_PROBLEMS.find(({ when }) => when.test(output));
  const lines = output.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => /^ssh: /.test(line)) ?? lines.findLast((line) => line !== '');
  const { code, exitCode } = known ?? { code: 'DOCKER_NO_ENGINE', exitCode: EXIT.UNKNOWN };
  const unreachable = `the Docker engine of host '${name}' is not reachable: ${reason || 'ssh ended without a message'}`;
  return new KitError(known?.what(connection) ?? unreachable, {
    code,
    exitCode,
    where: url,
    hint:
      known?.hint(connection) ??
      `start the host and its engine, or check hosts[].engine: ${sshCommand(target)} docker version`,
  });
}

/** Returns the output of ssh from the message of the docker command; undefined if ssh did not fail. */
function outputOfSsh(stderr: string): string | undefined {
  const missing = /exec: "ssh": (executable file not found.*)/i.exec(stderr);
  if (missing !== null) return missing[1];
  // If the connection fails with which docker asks for the version of the engine, it assumes the newest version.
  const version = /client version \S+ is too new/i.exec(stderr);
  if (version !== null) return version[0];
  return /command \[ssh [\s\S]*? has exited with [\s\S]*?stderr=([\s\S]*)$/.exec(stderr)?.[1]?.trim();
}
