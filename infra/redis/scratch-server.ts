/**
 * A temporary server on this machine: it loads data, replies on a socket file in a private folder, and is removed with
 * everything that it wrote, even when the kit is killed. It is not part of an environment.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { cleanUpAtDeath } from '../host/death-guard.ts';
import { endAtExit } from '../host/exit-hooks.ts';
import { tailOf } from '../host/private-files.ts';
import { startDaemon } from '../host/process.ts';
import { endProcess, identify, type ProcessIdentity } from '../host/process-identity.ts';
import { waitWhile } from '../host/wait.ts';
import { DIRECT_CONNECTION } from './connection-options.ts';
import { infoOf } from './reply.ts';

const END_GRACE_MS = 500;

export interface ScratchOptions {
  /** Path of the server program. */
  readonly command: string;
  /** Puts the data that the server will load into the server's folder. */
  readonly prepare?: (dataDir: string) => void;
  /** Lines to add to the redis.conf of a scratch server. */
  readonly directives?: readonly string[];
  /** Whether the server keeps expired keys, as a replica does; if so, it accepts no writes. */
  readonly keepsExpired: boolean;
  readonly loadTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class ScratchServer implements AsyncDisposable {
  readonly redis: Redis;
  readonly #dir: string;
  readonly #end: () => Promise<void>;

  private constructor(redis: Redis, dir: string, end: () => Promise<void>) {
    this.redis = redis;
    this.#dir = dir;
    this.#end = end;
  }

  /** Starts a server. @throws KitError `SCRATCH_FAILED` with the last lines of its log if it does not load the data */
  static async start(options: ScratchOptions): Promise<ScratchServer> {
    // A socket path has at most 107 characters, so the socket cannot be inside the state directory.
    const dir = mkdtempSync(join(tmpdir(), 'kit-scratch-'));
    let server: { readonly redis?: Redis; readonly end: () => Promise<void> } | undefined;
    try {
      mkdirSync(join(dir, 'data'));
      options.prepare?.(join(dir, 'data'));
      server = await launch(dir, options);
      return new ScratchServer(server.redis as Redis, dir, server.end);
    } catch (error) {
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect();
    await this.#end();
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function launch(
  dir: string,
  options: ScratchOptions,
): Promise<{ readonly redis: Redis; readonly end: () => Promise<void> }> {
  const socket = join(dir, 'socket');
  const log = join(dir, 'log');
  writeFileSync(join(dir, 'redis.conf'), confOf(dir, socket, options), { mode: 0o600 });
  const daemon = startDaemon({
    command: options.command,
    args: [join(dir, 'redis.conf')],
    cwd: dir,
    logPath: log,
  });
  const spare = endAtExit(daemon);
  const dismiss = cleanUpAtDeath(dir, daemon.pid);
  const identity: ProcessIdentity | undefined = await identify(daemon.pid);
  const end = async () => {
    if (identity !== undefined) await endProcess(identity, END_GRACE_MS);
    spare();
    dismiss();
  };
  let redis: Redis | undefined;
  try {
    await waitWhile(
      {
        what: 'the scratch server to load the data',
        timeoutMs: options.loadTimeoutMs,
        intervalMs: 50,
        signal: options.signal,
      },
      async () => {
        if (!daemon.running) throw failed(log);
        redis ??= await connectToSocket(socket);
        return (await infoOf(redis, 'persistence')).get('loading') === '0' ? undefined : 'it is loading';
      },
    );
    if (redis === undefined) throw new TypeError('the wait succeeded without a connection');
    return { redis, end };
  } catch (error) {
    redis?.disconnect();
    await end();
    throw error;
  }
}

function failed(log: string): KitError {
  return new KitError(`the scratch server did not load the data; ${tailOf(log)}`, {
    code: 'SCRATCH_FAILED',
    exitCode: EXIT.UNKNOWN,
  });
}

/** Makes one attempt: the socket exists only once the server is listening. */
async function connectToSocket(path: string): Promise<Redis> {
  const redis = new Redis({ ...DIRECT_CONNECTION, path });
  redis.on('error', () => undefined);
  await redis.connect();
  return redis;
}

function confOf(dir: string, socket: string, { keepsExpired, directives = [] }: ScratchOptions): string {
  const lines = [
    'port 0',
    `unixsocket ${socket}`,
    'unixsocketperm 700',
    `dir ${join(dir, 'data')}`,
    'save ""',
    'auto-aof-rewrite-percentage 0',
    'enable-debug-command yes',
    // The discard port: no program listens there, and a replica does not expire keys.
    ...(keepsExpired ? ['replicaof 127.0.0.1 9'] : []),
    ...directives,
  ];
  return `${lines.join('\n')}\n`;
}
