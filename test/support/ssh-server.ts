/**
 * OpenSSH server of an additional Docker host (`further-host.ts`), and a user who logs in to it. Both have their own
 * keys and configuration in a temporary directory: /etc/ssh and the home directory are neither read nor changed.
 *
 *   docker, Terraform ─▶ `ssh` in PATH: the real ssh with the user's configuration ─▶ sshd ─▶ docker system dial-stdio
 *
 * Requires root.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { findProgram, isInstalled, runProgram } from '../../infra/host/process.ts';
import { waitUntil } from './redis-process.ts';

const PORT = 2222;

/** Reason why an ssh server cannot be started; empty if it can. */
export const missingSshServer = (): string => (isInstalled('sshd') ? '' : 'sshd is not installed');

export interface SshServerOptions {
  /** Empty directory for keys, configuration and logs. */
  readonly dir: string;
  readonly address: string;
  /** Address of the engine on the host, as a logged-in user sees it in DOCKER_HOST. */
  readonly engine: string;
  /** Command that runs another command in the network namespace of the host. */
  readonly enter: readonly string[];
}

export class SshServer implements AsyncDisposable {
  readonly #options: SshServerOptions;
  readonly #searchPath: string;
  #server: ChildProcess | undefined;

  private constructor(options: SshServerOptions) {
    this.#options = options;
    this.#searchPath = [this.#at('bin'), process.env.PATH ?? ''].join(delimiter);
  }

  /** Creates the keys of the server and of the user, and starts the server. */
  static async start(options: SshServerOptions): Promise<SshServer> {
    const server = new SshServer(options);
    mkdirSync(join(options.dir, 'bin'), { recursive: true });
    for (const name of ['host_key', 'user_key', 'other_key']) await server.#createKey(name);
    server.#writeServerConfiguration();
    await server.#writeSshCommand();
    server.setUser({});
    try {
      await server.listen();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Value for `hosts[].engine`. */
  get url(): string {
    return `ssh://${userInfo().username}@${this.#options.address}:${PORT}`;
  }

  /** Value of PATH with which `ssh` reads the configuration of the user. */
  get searchPath(): string {
    return this.#searchPath;
  }

  /** Number of logins so far. */
  get logins(): number {
    return readFileSync(this.#at('sshd.log'), 'utf8').match(/Accepted publickey/g)?.length ?? 0;
  }

  /** Number of connections that the server has dropped because too many had not logged in yet (MaxStartups). */
  get dropped(): number {
    return readFileSync(this.#at('sshd.log'), 'utf8').match(/drop connection|MaxStartups/g)?.length ?? 0;
  }

  get knownHosts(): string {
    return readFileSync(this.#at('known_hosts'), 'utf8');
  }

  /**
   * Sets the user's configuration.
   *
   * @param knownKey key of the server in the user's known_hosts
   * @param userKey key with which the user logs in
   */
  setUser({
    knownKey = 'host_key',
    userKey = 'user_key',
  }: {
    readonly knownKey?: 'host_key' | 'other_key' | 'none';
    readonly userKey?: 'user_key' | 'other_key';
  }): void {
    const name = `[${this.#options.address}]:${PORT}`;
    const known = knownKey === 'none' ? '' : `${name} ${readFileSync(this.#at(`${knownKey}.pub`), 'utf8')}`;
    writeFileSync(this.#at('known_hosts'), known);
    // StrictHostKeyChecking is not set: its default must reject an unknown key.
    const lines = [
      `IdentityFile ${this.#at(userKey)}`,
      'IdentitiesOnly yes',
      'IdentityAgent none',
      `UserKnownHostsFile ${this.#at('known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
    ];
    writeFileSync(this.#at('ssh_config'), `${lines.join('\n')}\n`);
  }

  /** Starts the server, and waits until the user can log in. */
  async listen(): Promise<void> {
    const { enter } = this.#options;
    const log = openSync(this.#at('sshd.log'), 'a');
    const [command = '', ...args] = [
      ...enter,
      // Ending the process namespace ends every session. sshd requires /run/sshd, which only the mount namespace has.
      ...['unshare', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc'],
      ...['sh', '-c', 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$0" "$@"'],
      ...[(await findProgram('sshd')) ?? 'sshd', '-D', '-e', '-f', this.#at('sshd_config')],
    ];
    const server = spawn(command, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#server = server;
    const { username } = userInfo();
    const login = ['-p', String(PORT), `${username}@${this.#options.address}`, 'true'];
    await waitUntil('a login to the ssh server', async () => {
      if (server.exitCode !== null) throw new Error(`sshd ended: ${this.#log()}`);
      const request = { command: join(this.#at('bin'), 'ssh'), args: login, timeoutMs: 10_000 };
      return (await runProgram(request).catch(() => undefined))?.exitCode === 0;
    });
  }

  /** Ends the server with all its sessions. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  #at(name: string): string {
    return join(this.#options.dir, name);
  }

  #log(): string {
    return readFileSync(this.#at('sshd.log'), 'utf8').slice(-800);
  }

  async #createKey(name: string): Promise<void> {
    const args = ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', this.#at(name)];
    const { exitCode, stderr } = await runProgram({ command: 'ssh-keygen', args });
    if (exitCode !== 0) throw new Error(`ssh-keygen: ${stderr}`);
  }

  #writeServerConfiguration(): void {
    const { address, engine } = this.#options;
    writeFileSync(this.#at('authorized_keys'), readFileSync(this.#at('user_key.pub')));
    const lines = [
      `ListenAddress ${address}:${PORT}`,
      `HostKey ${this.#at('host_key')}`,
      `AuthorizedKeysFile ${this.#at('authorized_keys')}`,
      'PidFile none',
      'UsePAM no',
      // The temporary directory is writable for other users.
      'StrictModes no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'LogLevel VERBOSE',
      `SetEnv DOCKER_HOST=${engine}`,
    ];
    writeFileSync(this.#at('sshd_config'), `${lines.join('\n')}\n`);
  }

  /** Writes an `ssh` that reads the user's configuration: the real one ignores HOME, so a test cannot replace ~/.ssh. */
  async #writeSshCommand(): Promise<void> {
    const ssh = await findProgram('ssh');
    const text = `#!/bin/sh\nexec '${ssh}' -F '${this.#at('ssh_config')}' "$@"\n`;
    writeFileSync(join(this.#at('bin'), 'ssh'), text, { mode: 0o755 });
  }
}
