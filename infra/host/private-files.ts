/** Files of an environment: private to the user, written atomically, with disk errors as KitErrors. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskError } from './disk.ts';

/** Writes a file of mode 0600 atomically: it gets its final name only once it is complete. */
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

/** Creates a directory of mode 0700, with its parents. */
export function makePrivateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw diskError(error, path);
  }
}

/** Returns the last lines of a log, indented for the text of an error. */
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

/** Returns the paths of `<stateDir>/environments/<name>`. */
export function environmentDir(stateDir: string, name: string): string {
  return join(stateDir, 'environments', name);
}
