/**
 * Exhausts the disk of a server: its append-only files move to a small volume (tmpfs), which is then filled. Needs
 * root.
 *
 *   mount over the folder of the AOF ─▶ a rewrite opens the next file there ─▶ ballast until nothing fits
 *   restore: ballast removed ─▶ unmount ─▶ a later rewrite succeeds: all files are on the disk below
 *
 * The server keeps running. The rewrite on the small volume fails when it renames its base file across volumes; only
 * the file that the server appends to must be on the small volume. Left out: snapshots, which are written outside the
 * folder.
 */
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { mountSmallVolume } from '../../../infra/operations/small-volume.ts';
import { parseInfo } from '../../../infra/redis/info.ts';
import { waitUntil } from '../../wait.ts';
import type { Exhaust } from './resource.ts';

const VOLUME_BYTES = 8 * 1024 * 1024;
const FILLER = Buffer.alloc(64 * 1024, '.');
const FILLER_KEY = 'kit:filler:disk';
const FILLER_TTL_MS = 60_000;
const BOUND = { boundMs: 10_000, everyMs: 20 };
/** Time limit for a restore, including a full synchronization with a new master. */
const RESTORE_BOUND = { boundMs: 20_000, everyMs: 100 };

export const exhaustDisk: Exhaust = async (admin, { dataFolder }) => {
  if (dataFolder === undefined) throw new Error('the data folder is not known');
  const [, folder] = (await admin.config('GET', 'appenddirname')) as string[];
  if ((await persistence(admin)).aof_enabled !== '1' || folder === undefined) {
    throw new Error('the server writes no append-only file (redis.appendonly)');
  }
  const volume = await mountSmallVolume(dataFolder, { name: folder, bytes: VOLUME_BYTES });
  const ballast = join(volume.path, 'ballast');
  const restore = async () => {
    await rm(ballast, { force: true });
    await volume.unmount();
    if ((await rewriteOnDisk(admin)) === 'down') return;
    await waitUntil('the server to accept writes', () => acceptsWrites(admin), RESTORE_BOUND);
    // A master that was replaced during the fault refuses the command; in that case, the key expires.
    await admin.unlink(FILLER_KEY).catch(() => undefined);
  };
  try {
    await rewrite(admin);
    fill(ballast);
    return { detail: await awaitRefusal(admin), restore };
  } catch (error) {
    await restore();
    throw error;
  }
};

/** Rewrites the append-only file and waits until the rewrite succeeds or fails. */
async function rewrite(admin: Redis): Promise<void> {
  await waitUntil('no rewrite to be running', async () => !(await isRewriting(admin)), BOUND);
  await admin.bgrewriteaof();
  await waitUntil('the rewrite to end', async () => !(await isRewriting(admin)), BOUND);
}

/**
 * Rewrites the append-only file until a rewrite has succeeded, regardless of the server's role. A server that became a
 * replica copies the data of the new master, which ends a running rewrite. Its earlier rewrites failed on the small
 * volume: after three failures Redis delays a scheduled rewrite for a minute, but executes an explicit command
 * immediately (aof.c, aofRewriteLimited).
 *
 * A replica exits if it cannot write a command from its master to the file (server.c, "Replica was unable to write
 * command to disk"). At its next start it opens its files on the disk.
 */
async function rewriteOnDisk(admin: Redis): Promise<'done' | 'down'> {
  let isRequested = false;
  const isRewritten = async () => {
    const now = await persistence(admin).catch((error: Error) => {
      if (error.name === 'MaxRetriesPerRequestError') return undefined;
      throw error;
    });
    if (now === undefined) return 'down';
    if ([now.loading, now.rdb_bgsave_in_progress, now.aof_rewrite_in_progress].includes('1')) return false;
    const isDone = now.aof_rewrite_scheduled === '0' && now.aof_last_bgrewrite_status === 'ok';
    if (isRequested && isDone) return 'done';
    await admin.bgrewriteaof();
    isRequested = true;
    return false;
  };
  return await waitUntil('the append-only file to be on the disk', isRewritten, RESTORE_BOUND);
}

/**
 * Redis retries a failed write to the file within a second. A replica detects the end of the failure at its next write.
 */
async function acceptsWrites(admin: Redis): Promise<boolean> {
  if ((await persistence(admin)).aof_last_write_status === 'ok') return true;
  return parseInfo(await admin.info('replication')).role === 'slave';
}

async function isRewriting(admin: Redis): Promise<boolean> {
  const {
    aof_rewrite_in_progress: running,
    aof_rewrite_scheduled: scheduled,
    rdb_bgsave_in_progress: saving,
  } = await persistence(admin);
  return [running, scheduled, saving].includes('1');
}

async function persistence(admin: Redis) {
  return parseInfo(await admin.info('persistence'));
}

/** Writes until the volume is full. */
function fill(ballast: string): void {
  for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(size, 1), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

/** Writes until the server detects the full disk; returns its reply. */
async function awaitRefusal(admin: Redis): Promise<string> {
  let refusal = '';
  const isRefused = async () => {
    await admin.set(FILLER_KEY, FILLER, 'PX', FILLER_TTL_MS).catch((error: Error) => {
      refusal = error.message;
    });
    return refusal.startsWith('MISCONF');
  };
  await waitUntil('the server to refuse writes (MISCONF)', isRefused, BOUND);
  return refusal;
}
