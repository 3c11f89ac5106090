/**
 * Restores a backup into a running environment, which may be empty. Two steps, so that a command can prompt between
 * them:
 *
 *   planRestore   loads every file in a scratch server and checks versions, databases, memory, a write; changes nothing
 *   run           FLUSHALL on the masters if they have keys, then every key as an ordinary write; compares afterwards
 *
 * Roles, sentinels and configuration are not affected. A failover during a restore aborts the restore with an error; a
 * second run starts from the beginning. Keys that clients write during the restore are kept. A restored key that a
 * client changes before the comparison counts as different, because nothing shows whether the client or the restore
 * changed it.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { openTemporaryDir } from '../host/death-guard.ts';
import { infoNumber, parseInfo } from '../redis/info.ts';
import { ownConnection } from '../redis/own-connection.ts';
import { rdbVersionOf, versionOf } from '../redis/running-server.ts';
import type { ScratchServer } from '../redis/scratch-server.ts';
import { takeSnapshot } from '../redis/snapshot.ts';
import type { Environment } from '../substrates/environment.ts';
import { compareContents, countKeys, databasesOf, librariesOf } from './contents.ts';
import { type CopyReport, copyKeys, NOTHING_COPIED } from './copy-keys.ts';
import { type Master, masterOfKey, removeAllKeys, requireAccepted } from './masters.ts';
import type { OpenBackup } from './open.ts';
import { loadScratch } from './scratch.ts';
import { chooseSources, groupsOf } from './source.ts';
import { loadPart, tooNew, type VerifyOptions } from './verify.ts';

/**
 * Timeout for a command, in ms. FLUSHALL on a large data set, or the write of a large key, takes longer than the
 * timeout for an admin command allows.
 */
const COMMAND_TIMEOUT_MS = 60_000;

export interface RestoreReport {
  readonly restored: number;
  /** Number of keys that clients wrote during the restore. */
  readonly kept: number;
  readonly bytes: number;
  readonly tookMs: number;
  /** Number of keys that were compared with the backup afterwards. */
  readonly compared: number;
  readonly different: number;
  /** Some of the keys that differ. */
  readonly examples: readonly string[];
}

export interface RestorePlan extends AsyncDisposable {
  /** Upper bound on the number of keys in the backup that have not expired. */
  readonly keys: number;
  /** Number of keys in the environment that the restore would remove. */
  readonly present: number;
  run(): Promise<RestoreReport>;
}

/**
 * Checks whether a backup can be restored. @throws KitError `BACKUP_TOO_NEW`, `BACKUP_DAMAGED`, `RESTORE_REFUSED`;
 * nothing was changed
 */
export async function planRestore(
  environment: Environment,
  backup: OpenBackup,
  options: VerifyOptions,
): Promise<RestorePlan> {
  const scratches: ScratchServer[] = [];
  const masters: Master[] = [];
  const dispose = async () => {
    for (const { redis } of masters) redis.disconnect();
    await Promise.all(scratches.map((scratch) => scratch[Symbol.asyncDispose]()));
  };
  try {
    for (const group of await groupsOf(environment, options.signal))
      masters.push({
        ...group,
        redis: await ownConnection(await environment.admin(group.master), {
          commandTimeout: COMMAND_TIMEOUT_MS,
        }),
      });
    await requireReadable(backup, masters);
    for (const { part, path } of backup.files) {
      options.progress?.(`loading ${part.file}`);
      scratches.push(await loadPart(backup, part, path, options));
    }
    const refusal = (why: string) => refused(backup.path, why);
    await requireWritable(environment, backup, masters, scratches);
    const keys = await sumOf(scratches.map(({ redis }) => redis));
    const present = await sumOf(masters.map(({ redis }) => redis));
    await requireAccepted(masters, scratches, refusal);
    const run = async () => {
      // The confirmation may have taken minutes.
      await requireAccepted(masters, scratches, refusal);
      await loadMissingLibraries(scratches, masters, { refusal, whenFull: 'skip' });
      return restore({ environment, masters, scratches, present }, options);
    };
    return { keys, present, run, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function requireReadable({ path, manifest }: OpenBackup, masters: readonly Master[]): Promise<void> {
  const made = `${manifest.server.family} ${manifest.server.version}`;
  for (const { master, redis } of masters) {
    const [reads, { version }] = [await rdbVersionOf(redis), await versionOf(redis)];
    const newest = Math.max(...manifest.parts.map(({ rdbVersion }) => rdbVersion));
    if (newest > reads)
      throw tooNew(path, newest, `${master} runs ${version} and reads up to ${reads}`, made);
  }
}

async function requireWritable(
  environment: Environment,
  { path }: OpenBackup,
  masters: readonly Master[],
  scratches: readonly ScratchServer[],
): Promise<void> {
  const databases = new Set<string>();
  let needed = 0;
  for (const { redis } of scratches) {
    for (const db of Object.keys(await databasesOf(redis))) databases.add(db);
    needed += infoNumber(parseInfo(String(await redis.call('INFO', 'memory'))), 'used_memory_dataset') ?? 0;
  }
  const others = [...databases].filter((db) => db !== '0');
  if (environment.cluster !== undefined && others.length > 0)
    throw refused(path, `it has keys in database ${others.join(', ')}, and a cluster has only database 0`);
  const limits: number[] = [];
  for (const { master, redis } of masters) {
    const info = parseInfo(String(await redis.call('INFO')));
    limits.push(infoNumber(info, 'maxmemory') ?? 0);
    const least = environment.topology.environment.redis.minReplicasToWrite;
    const good = infoNumber(info, 'min_slaves_good_slaves') ?? least;
    if (good < least) throw refused(path, `${master} has ${good} of ${least} replicas and accepts no writes`);
    const [own, loaded] = [
      await rdbVersionOf(redis),
      await rdbVersionOf((scratches[0] as ScratchServer).redis),
    ];
    if (loaded > own)
      throw refused(
        path,
        `the scratch server writes RDB version ${loaded}, but ${master} reads up to ${own}`,
      );
  }
  const room = limits.reduce((sum, limit) => sum + limit, 0);
  if (!limits.includes(0) && needed > room) {
    throw refused(path, `it needs ${needed} bytes of memory, but the masters may use ${room}`);
  }
}

interface Restore {
  readonly environment: Environment;
  readonly masters: readonly Master[];
  readonly scratches: readonly ScratchServer[];
  /** Number of keys in the environment when the user was prompted. */
  readonly present: number;
}

async function restore(
  { environment, masters, scratches, present }: Restore,
  options: VerifyOptions,
): Promise<RestoreReport> {
  const startedAt = performance.now();
  let copied: CopyReport = NOTHING_COPIED;
  try {
    // The environment had no keys: keys that clients have written since are kept.
    if (present > 0) await removeAllKeys(masters, options.signal);
    // Loads the libraries that a full master could not load before its keys were removed.
    await loadMissingLibraries(scratches, masters, { refusal: (why) => new Error(why), whenFull: 'fail' });
    const target = { masterOf: masterOfKey(masters), masters: masters.map(({ redis }) => redis) };
    for (const { redis } of scratches) {
      copied = await copyKeys(redis, target, {
        before: copied,
        signal: options.signal,
        onProgress: (report) => {
          copied = report;
          options.progress?.(`${report.copied} keys restored`);
        },
      });
    }
    const tookMs = Math.round(performance.now() - startedAt);
    options.progress?.('comparing every key with the backup');
    const checked = await compareWith(environment, scratches, options);
    const { copied: restored, kept, bytes } = copied;
    return { restored, kept, bytes, tookMs, ...checked };
  } catch (error) {
    throw new KitError(`the restore stopped after ${copied.copied} keys: ${(error as Error).message}`, {
      code: 'RESTORE_INCOMPLETE',
      exitCode: EXIT.UNKNOWN,
      where: environment.name,
      hint: 'run the command again when kit status shows a healthy environment: the restore starts over',
      cause: error,
    });
  }
}

/**
 * Loads the libraries of the backup that the environment does not have. A library that the environment has is kept,
 * because a backup may contain an older version.
 */
async function loadMissingLibraries(
  scratches: readonly ScratchServer[],
  masters: readonly Master[],
  { refusal, whenFull }: { readonly refusal: (why: string) => Error; readonly whenFull: 'skip' | 'fail' },
): Promise<void> {
  const libraries = new Map(
    (await Promise.all(scratches.map(({ redis }) => librariesOf(redis))))
      .flat()
      .map(({ name, code }) => [name, code]),
  );
  for (const { master, redis } of masters) {
    const present = new Set((await librariesOf(redis)).map(({ name }) => name));
    for (const [name, code] of libraries) {
      if (present.has(name)) continue;
      await redis.call('FUNCTION', 'LOAD', code).catch((error: Error) => {
        if (whenFull === 'skip' && error.message.startsWith('OOM')) return;
        throw refusal(`${master} does not load its function library ${name}: ${error.message}`);
      });
    }
  }
}

/** Compares a snapshot of the environment with the backup. */
async function compareWith(
  environment: Environment,
  scratches: readonly ScratchServer[],
  options: VerifyOptions,
): Promise<Pick<RestoreReport, 'compared' | 'different' | 'examples'>> {
  using dir = openTemporaryDir(join(tmpdir(), 'kit-compare-'));
  const sources = await chooseSources(environment, { fromMaster: false, signal: options.signal });
  const found: ScratchServer[] = [];
  try {
    for (const { nodeId } of sources) {
      const path = join(dir.path, `${nodeId}.rdb`);
      await takeSnapshot({ nodeId, admin: await environment.admin(nodeId), path, signal: options.signal });
      found.push(await loadScratch(options.server, path, options.signal));
    }
    const total = { compared: 0, different: 0, examples: [] as string[] };
    for (const { redis: expected } of scratches) {
      const actual = found.map(({ redis }) => redis);
      const { compared, different, examples } = await compareContents(expected, actual, options);
      total.compared += compared;
      total.different += different;
      total.examples.push(...examples);
    }
    return total;
  } finally {
    await Promise.all(found.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function sumOf(servers: readonly Redis[]): Promise<number> {
  const counts = await Promise.all(servers.map(async (redis) => countKeys(await databasesOf(redis))));
  return counts.reduce((sum, count) => sum + count, 0);
}

function refused(where: string, why: string): KitError {
  return new KitError(`cannot be restored: ${why}`, {
    code: 'RESTORE_REFUSED',
    exitCode: EXIT.NO_GO,
    where,
    hint: 'nothing was changed; change the environment, or use another backup',
  });
}
