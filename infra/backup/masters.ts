/**
 * Prepares the masters of an environment for a restore: checks that they accept the keys of the backup, and removes
 * their existing keys.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { KitError } from '../../config/errors.ts';
import { waitWhile } from '../host/wait.ts';
import { keySlot } from '../redis/cluster-slots.ts';
import { infoOf } from '../redis/reply.ts';
import type { ScratchServer } from '../redis/scratch-server.ts';
import { databasesOf, keysOf } from './contents.ts';

export interface Master {
  readonly master: string;
  /** Slots that the master serves, in a cluster. */
  readonly slots?: readonly (readonly [number, number])[];
  /** Connection that is used only by the restore. */
  readonly redis: Redis;
}

/** Maximum time, in ms, to wait until the memory is freed: a master frees several million keys per second. */
const FREED_TIMEOUT_MS = 60_000;

const hasSlot = ({ slots }: Master, key: Buffer): boolean => {
  const slot = keySlot(key);
  return slots === undefined || slots.some(([from, to]) => from <= slot && slot <= to);
};

/** Returns a function that maps a key to the connection of its master. */
export function masterOfKey(masters: readonly Master[]): (key: Buffer) => Redis {
  const [first] = masters;
  if (first === undefined) throw new TypeError('the environment has no master');
  return (key) =>
    (masters.length === 1 ? first : (masters.find((each) => hasSlot(each, key)) ?? first)).redis;
}

/**
 * Checks that each master accepts the backup. Selects each database of the backup, then sends a key with an expiry in
 * the past: the master checks its role, its replicas, the permissions and the format of the value, and stores nothing
 * (cluster.c, restoreCommand).
 *
 * @throws the error of `refusal`, with the reply of the master
 */
export async function requireAccepted(
  masters: readonly Master[],
  scratches: readonly ScratchServer[],
  refusal: (why: string) => KitError,
): Promise<void> {
  const databases = new Set<string>();
  for (const { redis } of scratches)
    for (const db of Object.keys(await databasesOf(redis))) databases.add(db);
  const payload = await anyPayload(scratches);
  for (const each of masters) {
    const { master, redis } = each;
    const attempt = (what: string, reply: Promise<unknown>) =>
      reply.catch((error: Error) => {
        throw refusal(`${master} ${what}: ${error.message}`);
      });
    for (const db of databases) await attempt(`has no database ${db}`, redis.select(Number(db)));
    await redis.select(0);
    // A master without slots receives no keys.
    if (payload === undefined || each.slots?.length === 0) continue;
    const reply = redis.call('RESTORE', unusedKeyOf(each), '1', payload, 'ABSTTL');
    await attempt('rejects its keys', reply.catch(unlessFull));
  }
}

/**
 * Ignores the error from a master whose memory is full, because it accepts keys again once its existing keys are
 * removed.
 */
function unlessFull(error: Error): void {
  if (!error.message.startsWith('OOM')) throw error;
}

/**
 * Removes all keys from the masters and waits until their memory is freed, because new keys could otherwise be evicted.
 */
export async function removeAllKeys(
  masters: readonly Master[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await Promise.all(masters.map(({ redis }) => redis.call('FLUSHALL', 'ASYNC')));
  const what = 'the memory of the removed keys to be freed';
  await waitWhile({ what, timeoutMs: FREED_TIMEOUT_MS, intervalMs: 50, signal }, async () => {
    for (const { master, redis } of masters) {
      const pending = (await infoOf(redis, 'memory')).get('lazyfree_pending_objects') ?? '0';
      if (pending !== '0') return `${master} has ${pending} objects that are not freed yet`;
    }
    return undefined;
  });
}

/** Returns a key that the master does not have. */
function unusedKeyOf(master: Master): Buffer {
  for (;;) {
    const key = Buffer.from(`redis-cache-kit:restore-check:${randomUUID()}`);
    if (hasSlot(master, key)) return key;
  }
}

/** Returns the DUMP payload of any one key that has not expired; undefined if there is no such key. */
async function anyPayload(scratches: readonly ScratchServer[]): Promise<Buffer | undefined> {
  for (const { redis } of scratches) {
    for (const db of Object.keys(await databasesOf(redis))) {
      await redis.select(Number(db));
      for await (const keys of keysOf(redis)) {
        for (const key of keys) {
          const payload = (await redis.callBuffer('DUMP', key)) as Buffer | null;
          if (payload !== null) return payload;
        }
      }
    }
  }
  return undefined;
}
