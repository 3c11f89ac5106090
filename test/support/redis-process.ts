/**
 * Temporary Redis servers and sentinels for tests: real processes on separate loopback addresses, which end with the
 * test. Their data and logs are in a temporary directory that is removed with them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { poll } from '../../infra/host/wait.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Waits until the condition holds. @throws Error that names the condition if it does not hold within `ms` */
export async function waitUntil(
  awaited: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const last = await poll({ timeoutMs: ms, intervalMs: 10 }, async () =>
    (await condition()) ? { value: true } : { observed: false },
  );
  if ('observed' in last) throw new Error(`timed out after ${ms} ms waiting for: ${awaited}`);
}

/**
 * Waits until the replicas have all writes of this connection. Repeats a short WAIT, because an admin connection waits
 * for at most 2 s for a reply.
 */
export function replicated(redis: Pick<Redis, 'wait'>, replicas: number): Promise<void> {
  return waitUntil(
    `${replicas} replicas to have all writes`,
    async () => (await redis.wait(replicas, 1_000).catch(() => 0)) >= replicas,
  );
}

/** Returns a port that is currently free on the address. */
export function findFreePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Servers that this process stops when it exits, unless they were stopped earlier. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface StartOptions {
  readonly host?: string;
  readonly port?: number;
  /** Additional lines of the configuration. */
  readonly conf?: readonly string[];
  readonly sentinel?: boolean;
  readonly password?: string;
  /** Path of the program; default: `redis-server` in the PATH. */
  readonly binary?: string;
}

export class RedisProcess implements AsyncDisposable {
  readonly address: Address;
  readonly #dir: string;
  readonly #args: readonly string[];
  readonly #binary: string;
  readonly #password: string | undefined;
  #process: ChildProcess | undefined;
  #admin: Redis | undefined;
  #paused = false;

  private constructor(
    address: Address,
    dir: string,
    args: readonly string[],
    { password, binary = 'redis-server' }: StartOptions,
  ) {
    this.address = address;
    this.#dir = dir;
    this.#args = args;
    this.#binary = binary;
    this.#password = password;
  }

  static async start(options: StartOptions = {}): Promise<RedisProcess> {
    const { host = '127.61.0.1', sentinel = false, password } = options;
    const port = options.port ?? (await findFreePort(host));
    const dir = mkdtempSync(join(tmpdir(), 'kit-redis-'));
    const conf = join(dir, 'node.conf');
    const lines = [`bind ${host}`, `port ${port}`, `dir ${dir}`, 'save ""', 'protected-mode no'];
    if (!sentinel) lines.push('repl-diskless-sync-delay 0');
    if (password !== undefined) lines.push(`requirepass ${password}`, `masterauth ${password}`);
    writeFileSync(conf, [...lines, ...(options.conf ?? [])].join('\n'));
    const node = new RedisProcess({ host, port }, dir, [conf, ...(sentinel ? ['--sentinel'] : [])], options);
    try {
      await node.start();
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const child = spawn(this.#binary, this.#args, { stdio: 'ignore' });
    this.#process = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    await waitUntil(`Redis on ${this.address.host}:${this.address.port} answers`, async () => {
      if (child.exitCode !== null) throw new Error(`${this.#binary} ended with ${child.exitCode}`);
      return this.admin()
        .ping()
        .then(
          (reply) => reply === 'PONG',
          // A server without the PING command also counts as reachable.
          (error: Error) => /unknown command/i.test(error.message),
        );
    });
  }

  /** Returns an admin connection to this node. */
  admin(): Redis {
    if (!this.#admin || this.#admin.status === 'end') {
      this.#admin = new Redis({
        ...this.address,
        ...(this.#password === undefined ? {} : { password: this.#password }),
        protocol: 2,
        retryStrategy: () => null,
        connectTimeout: 1000,
        // Only a hang should exceed this timeout: on a busy machine, a reply can take seconds.
        commandTimeout: 20_000,
        // The ready check sends INFO, which may be renamed.
        enableReadyCheck: false,
        maxRetriesPerRequest: 0,
        disconnectTimeout: 20,
      });
      this.#admin.on('error', () => {});
    }
    return this.#admin;
  }

  async role(): Promise<string> {
    return String(((await this.admin().call('ROLE')) as unknown[])[0]);
  }

  /** Kills the server with SIGKILL, to simulate a crash. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    this.#admin?.disconnect();
    this.#admin = undefined;
  }

  pause(): void {
    this.#paused = true;
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    if (this.#paused) this.#process?.kill('SIGCONT');
    this.#paused = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

export interface SentinelSet extends AsyncDisposable {
  readonly redis: readonly [RedisProcess, RedisProcess, RedisProcess];
  readonly sentinels: readonly [RedisProcess, RedisProcess, RedisProcess];
  /** Returns the node that reports ROLE master; the first one if several nodes do. */
  master(): Promise<RedisProcess>;
}

/** Starts one master, two replicas and three sentinels, and waits until they are in sync and agree. */
export async function startSentinelSet(
  options: { downAfterMs?: number; net?: number } = {},
): Promise<SentinelSet> {
  const net = options.net ?? 1 + Math.floor(Math.random() * 250);
  const host = (i: number): string => `127.61.${net}.${i}`;
  const port = await findFreePort(host(1));
  const nodes: RedisProcess[] = [];
  const own = (i: number): string[] => [`bind-source-addr ${host(i)}`, `replica-announce-ip ${host(i)}`];
  for (const i of [1, 2, 3]) {
    const replica = i === 1 ? [] : [`replicaof ${host(1)} ${port}`];
    nodes.push(await RedisProcess.start({ host: host(i), port, conf: [...own(i), ...replica] }));
  }
  const sentinelPort = await findFreePort(host(11));
  const monitor = [
    `sentinel monitor mymaster ${host(1)} ${port} 2`,
    `sentinel down-after-milliseconds mymaster ${options.downAfterMs ?? 1000}`,
    'sentinel failover-timeout mymaster 6000',
    'sentinel parallel-syncs mymaster 2',
  ];
  const sentinels: RedisProcess[] = [];
  for (const i of [11, 12, 13]) {
    const conf = [`sentinel announce-ip ${host(i)}`, ...monitor];
    sentinels.push(await RedisProcess.start({ host: host(i), port: sentinelPort, sentinel: true, conf }));
  }
  const agreed = async (): Promise<boolean> => {
    const [master] = nodes as [RedisProcess];
    const role = (await master.admin().call('ROLE')) as [string, number, unknown[]];
    const seen = await Promise.all(
      sentinels.map(async (sentinel) => {
        const reply = (await sentinel.admin().call('SENTINEL', 'MASTER', 'mymaster')) as string[];
        const field = (name: string): string | undefined => reply[reply.indexOf(name) + 1];
        return (
          field('num-slaves') === '2' && field('num-other-sentinels') === '2' && field('flags') === 'master'
        );
      }),
    );
    return role[2]?.length === 2 && seen.every(Boolean);
  };
  await waitUntil('the sentinels see two replicas and each other', agreed);
  return {
    redis: nodes as unknown as SentinelSet['redis'],
    sentinels: sentinels as unknown as SentinelSet['sentinels'],
    async master() {
      for (const node of nodes) if ((await node.role().catch(() => '')) === 'master') return node;
      throw new Error('no node reports ROLE master');
    },
    async [Symbol.asyncDispose]() {
      for (const node of [...sentinels, ...nodes]) await node[Symbol.asyncDispose]();
    },
  };
}
