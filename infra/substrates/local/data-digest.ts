/**
 * Compares data by content where positions are not comparable: a standalone server loads a copy and computes a digest
 * of all keys.
 *
 * The server is a replica of an unused address: it loads everything, expires nothing, takes no writes, and listens only
 * on a socket file. The original is not modified.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { EXIT, KitError } from '../../../config/errors.ts';
import { freeBytes, REQUIRED_FREE_BYTES } from '../../host/disk.ts';
import { startDaemon } from '../../host/process.ts';
import { endProcess, identify } from '../../host/process-identity.ts';
import { waitWhile } from '../../host/wait.ts';
import type { Content } from '../../recovery/choose.ts';
import type { DataNames } from '../../recovery/read.ts';
import { DIRECT_CONNECTION } from '../../redis/connection-options.ts';
import { infoOf } from '../../redis/reply.ts';
import { type LocalContext, nodeFiles } from './local-context.ts';

/** Loading and digesting the data of a local environment takes one or two seconds. */
const LOAD_TIMEOUT_MS = 60_000;
const END_GRACE_MS = 500;

/** @returns undefined if the disk has no space for the copy, or the server does not load it */
export async function digestData(
  context: LocalContext,
  nodeId: string,
  names: DataNames,
  bytes: number,
  signal?: AbortSignal,
): Promise<Content | undefined> {
  let dir: string | undefined;
  try {
    if (freeBytes(tmpdir()) < bytes + REQUIRED_FREE_BYTES) return undefined;
    // The path of a socket has at most 107 characters, so it cannot be below the state directory.
    dir = mkdtempSync(join(tmpdir(), 'kit-compare-'));
    cpSync(nodeFiles(context, nodeId).data, join(dir, 'data'), { recursive: true });
    return await loadedContent(context, dir, names, signal);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  } finally {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function loadedContent(
  context: LocalContext,
  dir: string,
  names: DataNames,
  signal?: AbortSignal,
): Promise<Content> {
  const socket = join(dir, 'socket');
  writeFileSync(join(dir, 'redis.conf'), confOf(dir, socket, names));
  const daemon = startDaemon({
    command: context.binary.path,
    args: [join(dir, 'redis.conf')],
    cwd: dir,
    logPath: join(dir, 'log'),
  });
  const identity = await identify(daemon.pid);
  let redis: Redis | undefined;
  try {
    const what = 'the copy of the data to load';
    await waitWhile({ what, timeoutMs: LOAD_TIMEOUT_MS, intervalMs: 50, signal }, async () => {
      if (!daemon.running)
        throw new KitError('its server ended', { code: 'NODE_DIED', exitCode: EXIT.UNKNOWN });
      redis ??= await connectToSocket(socket);
      return (await infoOf(redis, 'persistence')).get('loading') === '0' ? undefined : 'it is loading';
    });
    if (redis === undefined) throw new TypeError('connected when the wait succeeds');
    const keyspace = [...(await infoOf(redis, 'keyspace')).values()];
    const keys = keyspace.reduce((sum, text) => sum + Number(/keys=(\d+)/.exec(text)?.[1] ?? 0), 0);
    return { keys, digest: String(await redis.call('DEBUG', 'DIGEST')) };
  } finally {
    redis?.disconnect();
    if (identity !== undefined) await endProcess(identity, END_GRACE_MS);
  }
}

/** Makes one attempt: the socket exists only once the server listens. */
async function connectToSocket(path: string): Promise<Redis> {
  const redis = new Redis({ ...DIRECT_CONNECTION, path });
  redis.on('error', () => undefined);
  await redis.connect();
  return redis;
}

function confOf(dir: string, socket: string, names: DataNames): string {
  const lines = [
    'port 0',
    `unixsocket ${socket}`,
    'unixsocketperm 700',
    `dir ${join(dir, 'data')}`,
    `appendonly ${names.appendonly ? 'yes' : 'no'}`,
    `appenddirname ${names.appenddirname}`,
    `appendfilename ${names.appendfilename}`,
    `dbfilename ${names.dbfilename}`,
    'auto-aof-rewrite-percentage 0',
    'save ""',
    // The discard port: no program listens there, and a replica does not expire keys.
    'replicaof 127.0.0.1 9',
    'enable-debug-command yes',
  ];
  return `${lines.join('\n')}\n`;
}
