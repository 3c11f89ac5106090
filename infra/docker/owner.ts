/** Who an ephemeral environment belongs to: a process, told from a later one of the same pid by its start time. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentDir } from './files.ts';

interface Owner {
  readonly pid: number;
  readonly startTime: string;
}

const ownerFile = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), 'owner.json');

export function claim(stateDir: string, name: string): void {
  mkdirSync(environmentDir(stateDir, name), { recursive: true, mode: 0o700 });
  const owner: Owner = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
  writeFileSync(ownerFile(stateDir, name), JSON.stringify(owner), { mode: 0o600 });
}

export function release(stateDir: string, name: string): void {
  rmSync(ownerFile(stateDir, name), { force: true });
}

/** `none`: nobody's, it stays. `alive`: a running process's. `gone`: its process has ended without ending it. */
export function ownership(stateDir: string, name: string): 'none' | 'own' | 'alive' | 'gone' {
  const path = ownerFile(stateDir, name);
  if (!existsSync(path)) return 'none';
  mkdirSync(environmentDir(stateDir, name), { recursive: true, mode: 0o700 });
  const owner: Owner = JSON.parse(readFileSync(path, 'utf8'));
  if (startTimeOf(owner.pid) !== owner.startTime) return 'gone';
  return owner.pid === process.pid ? 'own' : 'alive';
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so counting starts behind it. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
