/** Files of an environment: private to the user, whole or absent, and an error of the disk said as one. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';

/** Least free space to start an environment with: logs, AOF and RDB of small data sets. */
export const REQUIRED_FREE_BYTES = 64 * 1024 ** 2;

/** Writes a file of mode 0600 under its final name only once it is complete. */
export function writePrivate(path: string, content: string): void {
  const draft = `${path}.draft`;
  try {
    writeFileSync(draft, content, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw diskError(error, path);
  }
}

/** Makes a directory of mode 0700, with its parents. */
export function makePrivateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw diskError(error, path);
  }
}

/** @throws KitError `DISK_FULL` if the disk of that directory has too little room to start anything on */
export function requireFreeSpace(dir: string): void {
  if (freeBytes(dir) < REQUIRED_FREE_BYTES) throw diskFull(dir);
}

/** Free space for this user on the disk that holds (or will hold) the path. */
export function freeBytes(path: string): number {
  let existing = path;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

/** The last lines of a log, indented for an error's text. */
export function tailOf(path: string, lines = 12): string {
  try {
    const text = readFileSync(path, 'utf8').trimEnd();
    return `last lines of ${path}:\n${text
      .split('\n')
      .slice(-lines)
      .map((line) => `  ${line}`)
      .join('\n')}`;
  } catch {
    return `no log at ${path}`;
  }
}

export function diskFull(where: string): KitError {
  return new KitError(
    `the disk has ${Math.round(freeBytes(where) / 1024 ** 2)} MB free, an environment needs ${REQUIRED_FREE_BYTES / 1024 ** 2} MB`,
    { code: 'DISK_FULL', where, hint: 'free some space, or name another state directory', exitCode: 3 },
  );
}

/** An errno of the file system as the kit's error; anything else as it is. */
export function diskError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(path);
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new KitError(`cannot write here (${code})`, {
      code: 'STATE_UNWRITABLE',
      exitCode: EXIT.UNKNOWN,
      where: path,
      hint: 'make the directory writable for this user, or name another state directory',
      cause: error,
    });
  }
  return error;
}

/** `<stateDir>/environments/<name>` and what is in it. */
export function environmentDir(stateDir: string, name: string): string {
  return join(stateDir, 'environments', name);
}
