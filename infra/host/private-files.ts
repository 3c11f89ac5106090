/** Files that are private to the user, written atomically, with disk errors as KitErrors. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { diskError } from './disk.ts';

/**
 * Atomically writes a file with mode 0600, and creates its directory if necessary: another process reads either the old
 * or the new content, even after the machine has crashed. An unchanged file is not touched.
 *
 * @throws KitError `DISK_FULL`, `STATE_UNWRITABLE`
 */
export function writePrivate(path: string, content: string | Uint8Array): void {
  // Each process writes its own draft, so that the contents of two writers cannot be mixed.
  const draft = `${path}.${process.pid}.next`;
  try {
    if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, content, { mode: 0o600, flush: true });
    // A draft left behind by a killed process keeps its own mode.
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    throw diskError(error, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Returns the content of a private file; the first caller creates it. */
export function readOrCreate(path: string, make: () => string): string {
  if (!existsSync(path)) writePrivate(path, make());
  return readFileSync(path, 'utf8');
}

/** Creates a directory with mode 0700, and its parents. */
export function makePrivateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw diskError(error, path);
  }
}

/** Returns the last lines of a log, indented for use in an error message. */
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
