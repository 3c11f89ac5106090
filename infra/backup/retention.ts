/**
 * Manages the backups of an environment in a folder: determines their names, whether a new one is due, and which ones
 * are removed.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Name of a backup, which contains its time in UTC to the millisecond, so that two backups within one second have
 * different names: `dev-20261129T150102.345Z.tar`. Names from earlier versions have no milliseconds.
 */
const NAME = /^(?<environment>[a-z][a-z0-9-]{0,30})-(?<time>\d{8}T\d{6}(?:\.\d{3})?Z)\.tar$/;

export interface StoredBackup {
  readonly path: string;
  readonly createdAt: Date;
  readonly bytes: number;
}

export function backupName(environment: string, at: Date): string {
  return `${environment}-${at.toISOString().replaceAll(/[-:]/g, '')}.tar`;
}

/** Lists the backups of one environment by their names, newest first. Files with other names are ignored. */
export function listBackups(dir: string, environment: string): readonly StoredBackup[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .flatMap((name): StoredBackup[] => {
      const { environment: of, time } = NAME.exec(name)?.groups ?? {};
      if (of !== environment || time === undefined) return [];
      const path = join(dir, name);
      return [{ path, createdAt: timeOf(time), bytes: statSync(path).size }];
    })
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}

function timeOf(text: string): Date {
  return new Date(text.replace(/^(....)(..)(..T..)(..)(..+)$/, '$1-$2-$3:$4:$5'));
}

/** Removes all but the newest backups. @returns the removed backups */
export function pruneBackups(dir: string, environment: string, keep: number): readonly StoredBackup[] {
  const removed = listBackups(dir, environment).slice(keep);
  for (const { path } of removed) rmSync(path, { force: true });
  return removed;
}

/** Whether the newest backup is older than the interval, or there is none. */
export function isDue(backups: readonly StoredBackup[], everyHours: number, now: Date): boolean {
  const [newest] = backups;
  return newest === undefined || now.getTime() - newest.createdAt.getTime() >= everyHours * 3_600_000;
}
