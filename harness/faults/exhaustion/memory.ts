/**
 * Exhausts the memory of a server: `maxmemory` is lowered to slightly above the current use, and filler keys are
 * written until the server evicts keys or, depending on its policy, refuses writes. The filling continues, so that
 * later writes find the memory full.
 *
 * The replication backlog counts as used memory and grows with the writes: the part that is not yet allocated is added
 * to the limit, so that there is room for keys.
 */
import type { Redis } from 'ioredis';
import { parseInfo } from '../../../infra/redis/info.ts';
import { type Exhaust, lowerLimit } from './resource.ts';

/** Room for keys, in bytes, above the initial use. */
const ROOM_BYTES = 8 * 1024 * 1024;
const FILLER = Buffer.alloc(32 * 1024, '.');
const SMALL_FILLER = Buffer.alloc(1024, '.');
/** Number of small values to write: together they take more memory than the buffers of a batch. */
const FEW_SMALL = 2_000;
const FILLER_TTL_MS = 120_000;
const BATCH = 16;
const PAUSE_MS = 50;
/** Minimum number of evicted keys: more than fit into the available room. */
const FEWEST_EVICTED = 500;
const BOUND_MS = 20_000;

export const exhaustMemory: Exhaust = async (admin) => {
  const prefix = await ownPrefix(admin);
  const before = await usageOf(admin);
  const restoreLimit = await lowerLimit(admin, 'maxmemory', before.used + before.backlogRoom + ROOM_BYTES);
  let written = 0;
  const put = (value: Buffer) => [`${prefix}${written++}`, value, 'PX', FILLER_TTL_MS] as const;
  /**
   * Returns whether the server refuses even small values. A refused large value is not enough, because the memory of
   * its buffers is freed afterwards.
   */
  const write = async () => {
    const pipeline = admin.pipeline();
    for (let n = 0; n < BATCH; n++) pipeline.set(...put(FILLER));
    const replies = (await pipeline.exec()) ?? [];
    if (!replies.some(([error]) => error && isOutOfMemory(error))) return false;
    for (let n = 0; n < FEW_SMALL; n++) {
      const refusal = await admin.set(...put(SMALL_FILLER)).catch((error: Error) => error);
      if (refusal instanceof Error && isOutOfMemory(refusal)) return true;
    }
    return false;
  };
  let isOver = false;
  let writing: Promise<unknown> = Promise.resolve();
  const restore = async () => {
    isOver = true;
    await writing.catch(() => undefined);
    await restoreLimit();
    for (let n = 0; n < written; n += 1_000) {
      const keys = Array.from({ length: Math.min(1_000, written - n) }, (_, i) => `${prefix}${n + i}`);
      await admin.unlink(...keys);
    }
  };
  try {
    const detail = await fill(admin, write, before.evicted);
    const goOn = async (): Promise<void> => {
      while (!isOver) {
        await write().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    };
    writing = goOn();
    return { detail, restore };
  } catch (error) {
    await restore();
    throw error;
  }
};

/** Writes until the server evicts keys or refuses writes; returns which of the two happened. */
async function fill(admin: Redis, write: () => Promise<boolean>, evictedBefore: number): Promise<string> {
  for (const endMs = performance.now() + BOUND_MS; performance.now() < endMs; ) {
    if (await write()) return 'writes are refused: OOM';
    const evicted = (await usageOf(admin)).evicted - evictedBefore;
    if (evicted >= FEWEST_EVICTED) return `${evicted} keys evicted`;
  }
  throw new Error(`the server neither evicted keys nor refused writes within ${BOUND_MS} ms`);
}

function isOutOfMemory({ message }: Error): boolean {
  return message.startsWith('OOM');
}

async function usageOf(admin: Redis) {
  const info = parseInfo(await admin.info());
  const backlog = info.repl_backlog_active === '1' ? Number(info.repl_backlog_size ?? 0) : 0;
  return {
    used: Number(info.used_memory),
    evicted: Number(info.evicted_keys),
    backlogRoom: Math.max(0, backlog - Number(info.repl_backlog_histlen ?? 0)),
  };
}

/** Returns a key prefix; keys with this prefix belong to this node, even in a cluster. */
async function ownPrefix(admin: Redis): Promise<string> {
  for (let n = 0; n < 1_000; n++) {
    const prefix = `kit:filler:{${n}}:`;
    const refusal = await admin.set(prefix, '', 'PX', 1).then(
      () => undefined,
      (error: Error) => error,
    );
    if (refusal === undefined) return prefix;
    if (!refusal.message.startsWith('MOVED')) throw refusal;
  }
  throw new Error('the node owns no slot');
}
