/**
 * Opens a backup: verifies its manifest and every file, decrypts the files into a private folder, and removes the
 * folder on disposal, or when the kit is killed. No part of a backup is used before the complete backup is verified.
 */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BackupManifest, type BackupPart, parseBackupManifest } from '../../config/backup-manifest.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { openTemporaryDir } from '../host/death-guard.ts';
import { diskFull, freeBytes, REQUIRED_FREE_BYTES } from '../host/disk.ts';
import { type BackupKey, decrypt, isSameSeal, keyCheckOf, sealOf } from './cipher.ts';
import { MANIFEST_FILE } from './create.ts';
import { listTar, readEntry, type TarEntry } from './tar.ts';

/** A verified backup, with its decrypted RDB files. */
export interface OpenBackup extends AsyncDisposable {
  readonly path: string;
  readonly manifest: BackupManifest;
  readonly files: readonly { readonly part: BackupPart; readonly path: string }[];
}

interface Archive {
  readonly manifest: BackupManifest;
  readonly entries: readonly TarEntry[];
}

/**
 * @throws KitError `BACKUP_NOT_FOUND`, `BACKUP_DAMAGED`, `BACKUP_OTHER_VERSION`, `BACKUP_KEY_REQUIRED`,
 *   `BACKUP_KEY_WRONG`, `BACKUP_NOT_ENCRYPTED`, `DISK_FULL`
 */
export async function openBackup(path: string, key: BackupKey | undefined): Promise<OpenBackup> {
  const { manifest, entries } = await readArchive(path);
  requireKey(path, manifest, key);
  const { seal, ...unsealed } = manifest;
  if (!isSameSeal(seal, sealOf(JSON.stringify(unsealed), key)))
    throw damaged(path, 'the manifest was changed');
  for (const part of manifest.parts) await requireSamePart(path, part, entries);
  const bytes = manifest.parts.reduce((sum, part) => sum + part.bytes, 0);
  if (freeBytes(tmpdir()) < bytes + REQUIRED_FREE_BYTES) throw diskFull(tmpdir());
  const temporary = openTemporaryDir(join(tmpdir(), 'kit-backup-'));
  const dir = temporary.path;
  const dispose = async () => temporary[Symbol.dispose]();
  try {
    const files: { readonly part: BackupPart; readonly path: string }[] = [];
    for (const part of manifest.parts) {
      const extracted = join(dir, part.file.replace(/\.enc$/, ''));
      const stored = readEntry(path, entryOf(path, part, entries));
      const plain = key === undefined ? stored : decrypt(key, stored, `${path}: ${part.file}`);
      await pipeline(Readable.from(plain), createWriteStream(extracted, { mode: 0o600 }));
      files.push({ part, path: extracted });
    }
    return { path, manifest, files, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Reads only the manifest, without verifying or decrypting anything. @throws KitError as `openBackup` */
export async function readManifest(path: string): Promise<BackupManifest> {
  return (await readArchive(path)).manifest;
}

/** Maximum size of a manifest; one part takes about 600 bytes. */
const MAX_MANIFEST_BYTES = 1024 ** 2;

async function readArchive(path: string): Promise<Archive> {
  if (!existsSync(path)) {
    throw new KitError('does not exist', {
      code: 'BACKUP_NOT_FOUND',
      where: path,
      hint: 'pass the file that kit backup wrote',
    });
  }
  const entries = await listTar(path).catch((error: Error) => {
    throw damaged(path, `it cannot be read: ${error.message}`);
  });
  const entry = entries?.find(({ name }) => name === MANIFEST_FILE);
  if (entries === undefined || entry === undefined || entry.bytes > MAX_MANIFEST_BYTES)
    throw damaged(path, 'it is truncated, or not a backup');
  const pieces: Buffer[] = [];
  for await (const piece of readEntry(path, entry)) pieces.push(piece);
  return { manifest: parseBackupManifest(Buffer.concat(pieces).toString(), path), entries };
}

function requireKey(path: string, { encryption }: BackupManifest, key: BackupKey | undefined): void {
  if (encryption === undefined && key === undefined) return;
  if (encryption !== undefined && key !== undefined && encryption.keyCheck === keyCheckOf(key)) return;
  const [code, message, hint] =
    encryption === undefined
      ? ['BACKUP_NOT_ENCRYPTED', 'is not encrypted, but a key was given', 'omit --key-file']
      : key === undefined
        ? ['BACKUP_KEY_REQUIRED', 'is encrypted', 'pass its key with --key-file']
        : ['BACKUP_KEY_WRONG', 'was encrypted with another key', 'pass the key that kit backup used'];
  throw new KitError(message as string, {
    code: code as string,
    exitCode: EXIT.NO_GO,
    where: path,
    hint: hint as string,
  });
}

async function requireSamePart(path: string, part: BackupPart, entries: readonly TarEntry[]): Promise<void> {
  const entry = entryOf(path, part, entries);
  const hash = createHash('sha256');
  for await (const piece of readEntry(path, entry)) hash.update(piece);
  if (entry.bytes !== part.bytes || hash.digest('hex') !== part.sha256)
    throw damaged(path, `the checksum of ${part.file} does not match`);
}

function entryOf(path: string, { file }: BackupPart, entries: readonly TarEntry[]): TarEntry {
  const entry = entries.find(({ name }) => name === file);
  if (entry === undefined) throw damaged(path, `${file} is missing`);
  return entry;
}

export function damaged(where: string, why: string): KitError {
  return new KitError(`the backup is damaged: ${why}`, {
    code: 'BACKUP_DAMAGED',
    exitCode: EXIT.NO_GO,
    where,
    hint: 'use another copy of this backup, or an older backup',
  });
}
