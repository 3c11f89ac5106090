/** Free space of a state directory, and file system errors as KitErrors. */
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';

/** Minimum free space, in bytes, for starting an environment: enough for the logs, AOF and RDB of a small data set. */
export const REQUIRED_FREE_BYTES = 64 * 1024 ** 2;

/** Checks the free space. @throws KitError `DISK_FULL` if the disk that holds the directory has too little */
export function requireFreeSpace(dir: string): void {
  if (freeBytes(dir) < REQUIRED_FREE_BYTES) throw diskFull(dir);
}

/**
 * Returns the free space for this user, in bytes, on the disk that holds a path; the path itself does not have to exist
 * yet.
 */
export function freeBytes(path: string): number {
  let existing = path;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

export function diskFull(where: string): KitError {
  return new KitError(
    `the disk has ${Math.round(freeBytes(where) / 1024 ** 2)} MB free, at least ${REQUIRED_FREE_BYTES / 1024 ** 2} MB needed`,
    {
      code: 'DISK_FULL',
      where,
      hint: 'free disk space, or set KIT_STATE_DIR to a directory on another disk',
      exitCode: 3,
    },
  );
}

/**
 * Error codes that mean that a path is not writable. Node's recursive mkdir reports ENOENT for a read-only file system,
 * where EROFS would be correct.
 */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EROFS', 'EPERM', 'ENOTDIR', 'EEXIST', 'ENOENT']);

/** Converts a file system error to a KitError; returns any other error unchanged. */
export function diskError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(path);
  if (code !== undefined && UNWRITABLE.has(code)) {
    return new KitError(`cannot write here (${code})`, {
      code: 'STATE_UNWRITABLE',
      exitCode: EXIT.UNKNOWN,
      where: path,
      hint: 'make the state directory writable for this user, or set KIT_STATE_DIR to another directory',
      cause: error,
    });
  }
  return error;
}

/**
 * Returns the reason why this user cannot write to the directory or its nearest existing parent; undefined if writing
 * is possible. Writes nothing.
 */
export function unwritableBecause(dir: string): string | undefined {
  let existing = dir;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    if (!statSync(existing).isDirectory()) return `${existing} must be a directory`;
    accessSync(existing, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `${existing} is not writable (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

/** Returns the text of a file; undefined if it cannot be read for any reason. */
export function readIfReadable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Returns whether a read failed because the file does not exist. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Converts a read error to a KitError: an unreadable file must not be mistaken for an absent one. */
export function readError(error: unknown, path: string): KitError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new KitError(`cannot be read (${code ?? message})`, {
    code: 'STATE_UNREADABLE',
    exitCode: EXIT.UNKNOWN,
    where: path,
    hint: 'run the command as the owner of the environment, or make the directory readable for this user',
    cause: error,
  });
}
