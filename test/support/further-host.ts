/**
 * Additional Docker hosts on this machine, for tests of an environment on several hosts. Like a separate machine, each
 * host has an engine with its own data and socket, and an address in its own network namespace. Its process and mount
 * namespaces end with the engine, so the loss of a host ends all of its containers at the same time.
 *
 *   bridge (address of this machine) ── veth ── network namespace of a host: its address, its iptables, its engine
 *
 * Requires root. Left out: the main engine, which is the first host and is not changed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../../infra/certificates/generate.ts';
import { runProgram } from '../../infra/host/process.ts';
import { waitUntil } from './redis-process.ts';
import { SshServer } from './ssh-server.ts';

const START_TIMEOUT_MS = 60_000;

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runProgram({ command, args, timeoutMs: 20_000 });
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
}

/** Network that connects this machine with the additional hosts. */
export class HostNetwork implements AsyncDisposable {
  readonly #bridge: string;
  readonly #prefix: string;
  readonly #hosts: FurtherHost[] = [];

  /** @param prefix first three octets of the addresses */
  private constructor(bridge: string, prefix: string) {
    this.#bridge = bridge;
    this.#prefix = prefix;
  }

  static async create(bridge: string, prefix: string): Promise<HostNetwork> {
    const network = new HostNetwork(bridge, prefix);
    try {
      await run('ip', 'link', 'add', bridge, 'type', 'bridge');
      await run('ip', 'address', 'add', `${network.address}/24`, 'dev', bridge);
      await run('ip', 'link', 'set', bridge, 'up');
      // The main engine drops packets that it does not forward itself, including packets between ports of this bridge.
      await run('iptables', ...network.#rule('-I'));
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Address of this machine on the bridge. */
  get address(): string {
    return `${this.#prefix}.1`;
  }

  /** Starts a host with the given last octet of its address. */
  async start(name: string, octet: number, access: EngineAccess = 'socket'): Promise<FurtherHost> {
    const host = new FurtherHost(name, this.#bridge, `${this.#prefix}.${octet}`);
    this.#hosts.push(host);
    if (access === 'tls') await host.createCertificates();
    await host.connect();
    await host.startEngine();
    if (access === 'ssh') await host.startSsh();
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) await host[Symbol.asyncDispose]();
    await run('iptables', ...this.#rule('-D')).catch(() => {});
    await run('ip', 'link', 'delete', this.#bridge).catch(() => {});
  }

  #rule(verb: '-I' | '-D'): readonly string[] {
    // The engines change rules at the same time.
    return ['--wait', verb, 'DOCKER-USER', '-i', this.#bridge, '-o', this.#bridge, '-j', 'ACCEPT'];
  }
}

/**
 * Access to a host's engine: through a socket on this machine, or over the network with client certificates or with ssh.
 */
export type EngineAccess = 'socket' | 'tls' | 'ssh';

const TLS_PORT = 2376;

export class FurtherHost implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly #bridge: string;
  readonly #dir: string;
  #engine: ChildProcess | undefined;
  #ssh: SshServer | undefined;
  #tls: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;

  constructor(name: string, bridge: string, address: string) {
    this.name = name;
    this.address = address;
    this.#bridge = bridge;
    this.#dir = mkdtempSync(join(tmpdir(), 'kit-host-'));
  }

  /** Entry for this host in the `hosts` of an environment. */
  get setting() {
    const { name, address } = this;
    const tls = this.#tls;
    if (this.#ssh !== undefined) return { name, address, engine: this.#ssh.url };
    if (tls === undefined) return { name, address, engine: this.#socket };
    return { name, address, engine: `tcp://${address}:${TLS_PORT}`, tls };
  }

  /** The ssh server of a host whose engine is reached with ssh. */
  get ssh(): SshServer {
    if (this.#ssh === undefined) throw new Error(`host ${this.name} has no ssh server`);
    return this.#ssh;
  }

  /** Starts the ssh server for the first time. */
  async startSsh(): Promise<void> {
    const dir = join(this.#dir, 'ssh');
    const { address } = this;
    this.#ssh = await SshServer.start({ dir, address, engine: this.#socket, enter: this.#enter });
  }

  get #socket(): string {
    return `unix://${this.#dir}/docker.sock`;
  }

  /** Creates one certificate, with which both the engine and its client authenticate. */
  async createCertificates(): Promise<void> {
    const made = await makeCertificates({ addresses: [this.address], environment: this.name });
    const write = (name: string, text: string) => {
      const path = join(this.#dir, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    this.#tls = {
      ca: write('ca.pem', made.ca),
      cert: write('cert.pem', made.cert),
      key: write('key.pem', made.key.reveal()),
    };
  }

  get #namespace(): string {
    return `${this.#bridge}-${this.name}`;
  }

  /** Name for this machine's end of the veth pair, at most 15 characters long. */
  get #cable(): string {
    return `${this.#bridge.slice(0, 10)}-${this.name}`;
  }

  /** Creates the network namespace with a veth pair to the bridge. */
  async connect(): Promise<void> {
    const inside = ['netns', 'exec', this.#namespace, 'ip'];
    await run('ip', 'netns', 'add', this.#namespace);
    const peer = ['peer', 'name', 'eth0', 'netns', this.#namespace];
    await run('ip', 'link', 'add', this.#cable, 'type', 'veth', ...peer);
    await run('ip', 'link', 'set', this.#cable, 'master', this.#bridge, 'up');
    await run('ip', ...inside, 'link', 'set', 'lo', 'up');
    await run('ip', ...inside, 'address', 'add', `${this.address}/24`, 'dev', 'eth0');
    await run('ip', ...inside, 'link', 'set', 'eth0', 'up');
  }

  /** Command that runs another command in the network namespace. */
  get #enter(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.#namespace}`];
  }

  /** Starts the engine, and waits until it replies. */
  async startEngine(): Promise<void> {
    const at = (name: string) => join(this.#dir, name);
    const log = openSync(at('engine.log'), 'a');
    // Ending the process namespace ends every process of the host, and ending the mount namespace removes every mount.
    const [command = '', ...enter] = this.#enter;
    const engine = spawn(
      command,
      [
        ...enter,
        ...['unshare', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc', 'dockerd'],
        ...['--host', this.#socket, '--data-root', at('data'), '--exec-root', at('exec')],
        ...['--pidfile', at('pid')],
        ...this.#tlsArguments(),
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#engine = engine;
    const answers = async () => {
      if (engine.exitCode !== null)
        throw new Error(
          `dockerd of ${this.name} ended: ${readFileSync(at('engine.log'), 'utf8').slice(-800)}`,
        );
      const request = { command: 'docker', args: ['-H', this.#socket, 'version'], timeoutMs: 5_000 };
      return (await runProgram(request).catch(() => undefined))?.exitCode === 0;
    };
    await waitUntil(`the engine of ${this.name}`, answers, START_TIMEOUT_MS);
  }

  #tlsArguments(): readonly string[] {
    if (this.#tls === undefined) return [];
    const { ca, cert, key } = this.#tls;
    const listen = ['--host', `tcp://${this.address}:${TLS_PORT}`, '--tlsverify'];
    return [...listen, '--tlscacert', ca, '--tlscert', cert, '--tlskey', key];
  }

  /** Ends the host as a power failure would: it stops replying, and does not close its connections. */
  async lose(): Promise<void> {
    await run('ip', 'link', 'set', this.#cable, 'down');
    await this.endEngine();
    await this.#ssh?.[Symbol.asyncDispose]();
  }

  /** Starts a lost host again with its data. */
  async restore(): Promise<void> {
    rmSync(join(this.#dir, 'pid'), { force: true });
    rmSync(join(this.#dir, 'exec'), { recursive: true, force: true });
    await run('ip', 'link', 'set', this.#cable, 'up');
    await this.startEngine();
    await this.#ssh?.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ssh?.[Symbol.asyncDispose]();
    await this.endEngine();
    await run('ip', 'netns', 'delete', this.#namespace).catch(() => {});
    await run('ip', 'link', 'delete', this.#cable).catch(() => {});
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends the engine with its containers, but not the host. */
  async endEngine(): Promise<void> {
    const engine = this.#engine;
    if (engine === undefined || engine.exitCode !== null || engine.signalCode !== null) return;
    const ended = new Promise((resolve) => engine.once('exit', resolve));
    engine.kill('SIGKILL');
    await ended;
  }
}
