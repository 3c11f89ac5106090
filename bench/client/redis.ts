/** Redis process that the benchmark starts on loopback, without persistence, and stops at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { findRedisBinary } from '../../infra/substrates/local/binary.ts';
import { monitorCommands } from '../../test/support/monitor.ts';

const LIBRARY = join(import.meta.dirname, '../../client/functions/redis_cache_kit.lua');
const HOST = '127.0.0.1';
const READY_MS = 5_000;
const END = 'counted';
/** Connection-management commands, which are not counted as operations. */
const BACKGROUND = new Set([
  'ping',
  'role',
  'hello',
  'client',
  'echo',
  'info',
  'config',
  'subscribe',
  'select',
]);

export class BenchRedis implements AsyncDisposable {
  readonly host = HOST;
  readonly port: number;
  readonly version: string;
  readonly admin: Redis;
  readonly #path: string;
  readonly #dir: string;
  #child: ChildProcess;

  private constructor(path: string, version: string, dir: string, port: number) {
    this.#path = path;
    this.version = version;
    this.#dir = dir;
    this.port = port;
    this.#child = this.#spawn();
    // The ready check is disabled, because its INFO conflicts with MONITOR.
    const options = { host: HOST, port, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => 20 };
    this.admin = new Redis(options);
    this.admin.on('error', () => {}); // The process is killed deliberately; pending commands report the error.
  }

  static async start(): Promise<BenchRedis> {
    const { path, facts } = await findRedisBinary({ stateDir: resolve('.kit') });
    const dir = mkdtempSync(join(tmpdir(), 'kit-bench-'));
    const redis = new BenchRedis(path, facts.version, dir, await freePort());
    await redis.answers();
    // Load the function library, as provisioning does.
    await redis.admin.call('FUNCTION', 'LOAD', 'REPLACE', readFileSync(LIBRARY, 'utf8'));
    return redis;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async answers(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      if ((await this.admin.ping().catch(() => '')) === 'PONG') return;
      if (Date.now() > deadline) throw new Error(`redis-server on ${HOST}:${this.port}: no answer`);
    }
  }

  kill(): Promise<void> {
    const ended = new Promise<void>((done) => this.#child.once('exit', () => done()));
    this.#child.kill('SIGKILL');
    return ended;
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  start(): void {
    this.#child = this.#spawn();
  }

  /**
   * Counts the commands that clients sent while `act` ran, by name, except commands inside functions and
   * connection-management commands.
   */
  async commands(act: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
    const seen = new Map<string, number>();
    const { promise: heardAll, resolve: done } = Promise.withResolvers<void>();
    const stop = await monitorCommands(this, ({ args, source }) => {
      const name = String(args[0]).toLowerCase();
      if (name === 'echo' && args[1] === END) done();
      else if (source !== 'lua' && !BACKGROUND.has(name)) seen.set(name, (seen.get(name) ?? 0) + 1);
    });
    try {
      await act();
      await this.admin.echo(END);
      await heardAll;
      return new Map(seen);
    } finally {
      stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.admin.disconnect();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.resume();
      await this.kill();
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const args = ['--bind', HOST, '--port', String(this.port), '--save', '', '--dir', this.#dir];
    return spawn(this.#path, args, { stdio: 'ignore' });
  }
}

function freePort(): Promise<number> {
  return new Promise((done, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
