/** A Redis of the benchmark's own: on loopback, without persistence, ended with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { findRedisBinary } from '../../infra/local/binary.ts';

const HOST = '127.0.0.1';
const READY_MS = 5_000;

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
    this.admin = new Redis({ host: HOST, port, lazyConnect: true, retryStrategy: () => 20 });
    this.admin.on('error', () => {}); // Killed on purpose; its commands report it.
  }

  static async start(): Promise<BenchRedis> {
    const { path, facts } = await findRedisBinary({ stateDir: resolve('.kit') });
    const dir = mkdtempSync(join(tmpdir(), 'kit-bench-'));
    const redis = new BenchRedis(path, facts.version, dir, await freePort());
    await redis.answers();
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

  /** Commands that the server executed, by name, since the last reset. */
  async commands(): Promise<ReadonlyMap<string, number>> {
    const text = await this.admin.info('commandstats');
    const calls = text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
    return new Map([...calls].map(([, name, count]) => [String(name), Number(count)]));
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
