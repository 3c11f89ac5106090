/**
 * Copies all keys of a scratch server to the masters of an environment: DUMP, then RESTORE with the absolute expiry.
 * These are ordinary writes: they reach the replicas and the append-only files like any other write, and roles,
 * sentinels and addresses are not affected. A key that already exists is kept: a client wrote it after the copy began.
 */
import type { Redis } from 'ioredis';
import { databasesOf, keysOf } from './contents.ts';

/**
 * Number of bytes to copy before each wait for the replicas: far below the output buffer limit of a replica (256 MB),
 * beyond which the master closes the connection to the replica.
 */
const BYTES_BETWEEN_WAITS = 16 * 1024 ** 2;
const REPLICA_TIMEOUT_MS = 5_000;

export interface CopyTarget {
  /** Returns the connection to the master that has the key. */
  readonly masterOf: (key: Buffer) => Redis;
  readonly masters: readonly Redis[];
}

export interface CopyReport {
  readonly copied: number;
  /** Number of keys that clients wrote during the copy. */
  readonly kept: number;
  readonly bytes: number;
}

export const NOTHING_COPIED: CopyReport = { copied: 0, kept: 0, bytes: 0 };

/** Copies the keys. @throws Error with the reply of a master that refuses a key */
export async function copyKeys(
  source: Redis,
  { masterOf, masters }: CopyTarget,
  options: {
    /** Report on the previous files; the figures for this file are added to it. */
    readonly before?: CopyReport;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: (report: CopyReport) => void;
  } = {},
): Promise<CopyReport> {
  let report = options.before ?? NOTHING_COPIED;
  let waitedAt = report.bytes;
  for (const db of Object.keys(await databasesOf(source)).map(Number)) {
    await Promise.all([source, ...masters].map((redis) => redis.select(db)));
    for await (const keys of groupsOf(source)) {
      options.signal?.throwIfAborted();
      const results = await Promise.all(keys.map((key) => copyKey(source, masterOf(key), key)));
      report = added(report, results);
      options.onProgress?.(report);
      if (report.bytes - waitedAt < BYTES_BETWEEN_WAITS) continue;
      waitedAt = report.bytes;
      await awaitReplicas(masters);
    }
  }
  await awaitReplicas(masters);
  return report;
}

function added(report: CopyReport, results: readonly CopyResult[]): CopyReport {
  const count = (wanted: Outcome) => results.filter(({ outcome }) => outcome === wanted).length;
  return {
    copied: report.copied + count('copied'),
    kept: report.kept + count('kept'),
    bytes: report.bytes + results.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Yields all keys of the selected database in groups of bounded memory size, because a value may have any size. */
async function* groupsOf(source: Redis): AsyncGenerator<readonly Buffer[]> {
  for await (const keys of keysOf(source)) {
    const sizes = await Promise.all(keys.map((key) => source.call('MEMORY', 'USAGE', key)));
    let [group, bytes] = [[] as Buffer[], 0];
    for (const [i, key] of keys.entries()) {
      if (group.length > 0 && bytes + Number(sizes[i] ?? 0) > BYTES_BETWEEN_WAITS) {
        yield group;
        [group, bytes] = [[], 0];
      }
      group.push(key);
      bytes += Number(sizes[i] ?? 0);
    }
    yield group;
  }
}

/** Waits until the connected replicas have received all writes, or the time limit is reached. */
async function awaitReplicas(masters: readonly Redis[]): Promise<void> {
  await Promise.all(
    masters.map(async (master) => {
      const [, , replicas] = (await master.call('ROLE')) as readonly unknown[];
      const connected = Array.isArray(replicas) ? replicas.length : 0;
      if (connected > 0) await master.call('WAIT', connected, REPLICA_TIMEOUT_MS);
    }),
  );
}

type Outcome = 'copied' | 'kept' | 'expired';

interface CopyResult {
  readonly outcome: Outcome;
  readonly bytes: number;
}

async function copyKey(source: Redis, target: Redis, key: Buffer): Promise<CopyResult> {
  const [payload, expiry] = await Promise.all([
    source.callBuffer('DUMP', key) as Promise<Buffer | null>,
    source.call('PEXPIRETIME', key),
  ]);
  const expiresAt = Number(expiry);
  if (payload === null || expiresAt === -2) return { outcome: 'expired', bytes: 0 };
  const lifetime = expiresAt === -1 ? ['0'] : [String(expiresAt), 'ABSTTL'];
  const bytes = key.length + payload.length;
  try {
    const [ttl = '0', ...flags] = lifetime;
    await target.call('RESTORE', key, ttl, payload, ...flags);
    return { outcome: 'copied', bytes };
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('BUSYKEY')) return { outcome: 'kept', bytes: 0 };
    throw error;
  }
}
