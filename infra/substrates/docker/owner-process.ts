/** Process that owns an ephemeral environment, recorded in the environment's folder. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { displayPath } from '../../../config/yaml.ts';
import { writePrivate } from '../../host/private-files.ts';
import { isAlive, ownProcess, type ProcessIdentity } from '../../host/process-identity.ts';
import { environmentDir } from './state-files.ts';

const ownerFile = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), 'owner.json');

export async function recordOwnerProcess(stateDir: string, name: string): Promise<void> {
  writePrivate(ownerFile(stateDir, name), JSON.stringify(await ownProcess()));
}

export function removeOwnerProcess(stateDir: string, name: string): void {
  rmSync(ownerFile(stateDir, name), { force: true });
}

/**
 * Returns the state of the owner. `none`: there is no owner, and the environment stays. `own`: this process. `alive`:
 * another running process. `gone`: the owner exited without removing the environment.
 *
 * @throws KitError `STATE_UNREADABLE` if it is unknown whether a process uses the environment
 */
export async function ownerProcessState(
  stateDir: string,
  name: string,
): Promise<'none' | 'own' | 'alive' | 'gone'> {
  const owner = readOwner(ownerFile(stateDir, name));
  if (owner === undefined) return 'none';
  if (!(await isAlive(owner))) return 'gone';
  return owner.pid === process.pid ? 'own' : 'alive';
}

function readOwner(path: string): ProcessIdentity | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const { pid, start }: Partial<ProcessIdentity> = JSON.parse(readFileSync(path, 'utf8'));
    if (Number.isSafeInteger(pid) && typeof start === 'string') return { pid: pid as number, start };
  } catch {
    // Reported below.
  }
  throw new KitError('must be the owner record of this environment', {
    code: 'STATE_UNREADABLE',
    exitCode: EXIT.UNKNOWN,
    where: displayPath(path),
    hint: 'remove the file if no other kit command uses this environment',
  });
}
