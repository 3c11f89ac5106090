/**
 * Compares data by content if replication positions are not comparable: a scratch server loads a copy and computes a
 * digest of all keys. The original is not modified.
 */
import { cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { freeBytes, REQUIRED_FREE_BYTES } from '../../host/disk.ts';
import type { Content } from '../../recovery/choose.ts';
import type { DataNames } from '../../recovery/read.ts';
import { infoOf } from '../../redis/reply.ts';
import { ScratchServer } from '../../redis/scratch-server.ts';
import { type LocalContext, nodeFiles } from './local-context.ts';

/** Timeout in ms. Loading and digesting the data of a local environment takes one or two seconds. */
const LOAD_TIMEOUT_MS = 60_000;

/** Returns the digest; undefined if the disk has no space for the copy, or if the server does not load the copy. */
export async function digestData(
  context: LocalContext,
  nodeId: string,
  names: DataNames,
  bytes: number,
  signal?: AbortSignal,
): Promise<Content | undefined> {
  try {
    if (freeBytes(tmpdir()) < bytes + REQUIRED_FREE_BYTES) return undefined;
    await using scratch = await ScratchServer.start({
      command: context.binary.path,
      prepare: (dataDir) => cpSync(nodeFiles(context, nodeId).data, dataDir, { recursive: true }),
      directives: directivesOf(names),
      keepsExpired: true,
      loadTimeoutMs: LOAD_TIMEOUT_MS,
      signal,
    });
    const { redis } = scratch;
    const keyspace = [...(await infoOf(redis, 'keyspace')).values()];
    const keys = keyspace.reduce((sum, text) => sum + Number(/keys=(\d+)/.exec(text)?.[1] ?? 0), 0);
    return { keys, digest: String(await redis.call('DEBUG', 'DIGEST')) };
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

function directivesOf(names: DataNames): readonly string[] {
  return [
    `appendonly ${names.appendonly ? 'yes' : 'no'}`,
    `appenddirname ${names.appenddirname}`,
    `appendfilename ${names.appendfilename}`,
    `dbfilename ${names.dbfilename}`,
  ];
}
