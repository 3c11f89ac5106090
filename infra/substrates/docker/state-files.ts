/** Files of an environment on Docker that persist between commands: mode 0600, in a folder per environment. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { diskError } from '../../host/disk.ts';

/** Folder of the persistent files of an environment on Docker. */
export const environmentDir = (stateDir: string, name: string): string => join(stateDir, 'docker', name);

/**
 * Writes atomically: Terraform may read the file at any time. Does not touch an unchanged file.
 *
 * @throws KitError `DISK_FULL`, `STATE_UNWRITABLE`
 */
export function writeSecret(path: string, content: string | Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  const draft = `${path}.${process.pid}.next`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, content, { mode: 0o600, flush: true });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    throw diskError(error, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

export function readOrCreate(path: string, make: () => string): string {
  if (!existsSync(path)) writeSecret(path, make());
  return readFileSync(path, 'utf8');
}
