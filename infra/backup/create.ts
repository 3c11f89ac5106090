/**
 * Creates a backup: one file, a tar archive with `manifest.json` and one RDB per master.
 *
 *   choose a replica per master ─▶ snapshot over the network ─▶ load it in a scratch server: counts, digest
 *   ─▶ encrypt, if a key is given ─▶ archive next to the target ─▶ rename
 *
 * The unencrypted files are in a private folder next to the target until the archive is complete. The folder is removed
 * on success, on an error, and if the command is killed.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  BACKUP_SCHEMA,
  type BackupContents,
  type BackupManifest,
  type BackupPart,
} from '../../config/backup-manifest.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { openTemporaryDir } from '../host/death-guard.ts';
import { diskError } from '../host/disk.ts';
import { makePrivateDir } from '../host/private-files.ts';
import { RdbScanner } from '../recovery/rdb.ts';
import { versionOf } from '../redis/running-server.ts';
import { type SnapshotPoint, takeSnapshot } from '../redis/snapshot.ts';
import type { Environment } from '../substrates/environment.ts';
import { type BackupKey, encrypt, keyCheckOf, sealOf } from './cipher.ts';
import { readContents } from './contents.ts';
import { loadScratch, tooNewForScratch } from './scratch.ts';
import { type BackupSource, chooseSources } from './source.ts';
import { type TarSource, writeTar } from './tar.ts';

export interface CreateOptions {
  /** Path of the archive. An existing file is replaced once the new archive is complete. */
  readonly target: string;
  readonly key?: BackupKey | undefined;
  /** Server program for the scratch server; if undefined, the files are not loaded, and the manifest has no digest. */
  readonly server: string | undefined;
  readonly fromMaster?: boolean | undefined;
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const MANIFEST_FILE = 'manifest.json';

/**
 * Creates a backup. @throws KitError `BACKUP_REFUSED`, `SNAPSHOT_FAILED`, `BACKUP_UNREADABLE`, `DISK_FULL`; after an
 * error, no file is left behind
 */
export async function createBackup(
  environment: Environment,
  options: CreateOptions,
): Promise<BackupManifest> {
  const { target, key, progress, signal } = options;
  const sources = await chooseSources(environment, { fromMaster: options.fromMaster ?? false, signal });
  makePrivateDir(dirname(target));
  try {
    using temporary = openTemporaryDir(join(dirname(target), '.backup-'));
    const dir = temporary.path;
    const parts: BackupPart[] = [];
    const files: TarSource[] = [];
    for (const [i, source] of sources.entries()) {
      progress?.(`reading ${source.nodeId}`);
      const name = sources.length === 1 ? 'redis.rdb' : `shard-${i + 1}.rdb`;
      const { part, path } = await createPart(environment, source, dir, name, options);
      parts.push(part);
      files.push({ name: part.file, content: { path } });
    }
    const manifest = await describe(environment, sources, parts, key);
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    const draft = join(dir, basename(target));
    await writeTar(draft, [{ name: MANIFEST_FILE, content: { text } }, ...files]);
    signal?.throwIfAborted();
    renameSync(draft, target);
    return manifest;
  } catch (error) {
    throw diskError(error, dirname(target));
  }
}

async function createPart(
  environment: Environment,
  source: BackupSource,
  dir: string,
  name: string,
  { key, server, progress, signal }: CreateOptions,
): Promise<{ readonly part: BackupPart; readonly path: string }> {
  const plain = join(dir, name);
  const scanner = new RdbScanner();
  const hash = createHash('sha256');
  let header = Buffer.alloc(0);
  const admin = await environment.admin(source.nodeId);
  const onData = (piece: Uint8Array) => {
    scanner.push(piece);
    hash.update(piece);
    if (header.length < HEADER_BYTES) header = Buffer.concat([header, piece]).subarray(0, HEADER_BYTES);
  };
  const point = await takeSnapshot({ nodeId: source.nodeId, admin, path: plain, onData, signal });
  requireCurrent(source, point);
  const { problem } = scanner.end();
  if (problem !== undefined) throw unreadable(source.nodeId, problem);
  progress?.(`checking the snapshot of ${source.nodeId}`);
  const contents = server === undefined ? undefined : await contentsOf(plain, server, source.nodeId, signal);
  if (server !== undefined && contents === undefined) {
    progress?.(`${server} cannot read this RDB version, so the backup was not checked by loading it`);
  }
  const file = key === undefined ? name : `${name}.enc`;
  const path = join(dir, file);
  if (key !== undefined) {
    await pipeline(encrypt(key, createReadStream(plain)), createWriteStream(path, { mode: 0o600 }));
    rmSync(plain);
  }
  const part: BackupPart = {
    file,
    node: source.nodeId,
    role: source.role,
    ...point,
    rdbVersion: rdbVersionIn(header),
    bytes: statSync(path).size,
    sha256: key === undefined ? hash.digest('hex') : await digestFile(path),
    ...(source.slots && { slots: source.slots.map(([first, last]): [number, number] => [first, last]) }),
    ...(contents && { contents }),
  };
  return { part, path };
}

/**
 * Refuses an outdated snapshot: a node that is already saving a snapshot for another replica sends that snapshot, which
 * may have been started before this command.
 */
function requireCurrent({ nodeId, offset }: BackupSource, { replicationOffset }: SnapshotPoint): void {
  if (replicationOffset >= offset) return;
  throw new KitError(
    `the snapshot of ${nodeId} is at offset ${replicationOffset}, before the start of this command at ${offset}`,
    {
      code: 'SNAPSHOT_FAILED',
      exitCode: EXIT.UNKNOWN,
      hint: 'another replica is synchronizing with this node: run the command again; no backup was written',
    },
  );
}

/** Length of the header: `REDIS0010`, or `VALKEY080`. */
const HEADER_BYTES = 9;

function rdbVersionIn(header: Buffer): number {
  return Number(/\d+$/.exec(header.toString('latin1'))?.[0] ?? 0);
}

async function contentsOf(
  path: string,
  server: string,
  nodeId: string,
  signal: AbortSignal | undefined,
): Promise<BackupContents | undefined> {
  try {
    await using scratch = await loadScratch(server, path, signal);
    return await readContents(scratch.redis);
  } catch (error) {
    if (tooNewForScratch(error)) return undefined;
    signal?.throwIfAborted();
    throw unreadable(nodeId, (error as Error).message, error);
  }
}

async function describe(
  environment: Environment,
  sources: readonly BackupSource[],
  parts: readonly BackupPart[],
  key: BackupKey | undefined,
): Promise<BackupManifest> {
  const [first] = sources;
  const { family, version } = await versionOf(await environment.admin(first?.nodeId ?? ''));
  const unsealed: Omit<BackupManifest, 'seal'> = {
    schema: BACKUP_SCHEMA,
    environment: environment.name,
    kind: environment.topology.environment.topology.kind,
    substrate: environment.substrate,
    createdAt: new Date().toISOString(),
    server: { family, version },
    ...(key && { encryption: { algorithm: 'AES-256-GCM', keyCheck: keyCheckOf(key) } }),
    parts: [...parts],
  };
  return { ...unsealed, seal: sealOf(JSON.stringify(unsealed), key) };
}

async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

function unreadable(nodeId: string, why: string, cause?: unknown): KitError {
  return new KitError(`the snapshot of ${nodeId} cannot be restored: ${why}`, {
    code: 'BACKUP_UNREADABLE',
    exitCode: EXIT.UNKNOWN,
    hint: 'run the command again; no backup was written',
    cause,
  });
}
