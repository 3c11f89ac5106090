/** Destination of an engine at ssh://, and the ssh command that reaches it, for messages. Pure. */

export interface SshTarget {
  /** Undefined if the ssh configuration selects the user. */
  readonly user: string | undefined;
  readonly host: string;
  /** Undefined if the ssh configuration selects the port, whose default is 22. */
  readonly port: number | undefined;
}

/** Parses `ssh://[USER@]HOST[:PORT]`; returns undefined for the address of another kind of engine. */
export function sshTarget(url: string): SshTarget | undefined {
  const [, user, host, port] = /^ssh:\/\/(?:([^@/]+)@)?([^@:/]+)(?::(\d+))?$/.exec(url) ?? [];
  return host === undefined ? undefined : { user, host, port: port === undefined ? undefined : Number(port) };
}

/** Returns the command that opens the connection of docker and Terraform. */
export function sshCommand({ user, host, port }: SshTarget, ...options: readonly string[]): string {
  const destination = user === undefined ? host : `${user}@${host}`;
  return ['ssh', ...options, ...(port === undefined ? [] : ['-p', port]), destination].join(' ');
}
