/** Uses the names of backups to decide whether a backup is due, and which ones to remove. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { backupName, isDue, listBackups, pruneBackups } from '../../../infra/backup/retention.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-retention-'));
afterAll(() => rmSync(dir, { recursive: true }));

const HOUR_MS = 3_600_000;
const now = new Date('2026-11-29T15:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * HOUR_MS);

beforeEach(() => {
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  for (const hours of [30, 2, 54]) writeFileSync(join(dir, backupName('dev', hoursAgo(hours))), '');
  for (const other of [
    backupName('dev-2', hoursAgo(1)),
    `before-restore-${backupName('dev', now)}`,
    'notes.tar',
  ])
    writeFileSync(join(dir, other), '');
});

it('the backups of one environment are listed, newest first', () => {
  expect(listBackups(dir, 'dev').map(({ createdAt }) => createdAt)).toEqual([2, 30, 54].map(hoursAgo));
  expect(listBackups(join(dir, 'absent'), 'dev')).toEqual([]);
});

it('retention keeps the newest backups and every file that is not a backup of the environment', () => {
  expect(pruneBackups(dir, 'dev', 1)).toHaveLength(2);
  expect(readdirSync(dir).sort()).toEqual([
    'before-restore-dev-20261129T150000.000Z.tar',
    'dev-2-20261129T140000.000Z.tar',
    'dev-20261129T130000.000Z.tar',
    'notes.tar',
  ]);
  expect(pruneBackups(dir, 'dev', 1)).toEqual([]);
});

it('backups made in the same second have different names, and names from earlier versions are also listed', () => {
  const times = ['2026-11-29T14:30:00.100Z', '2026-11-29T14:30:00.101Z'].map((time) => new Date(time));
  for (const time of times) writeFileSync(join(dir, backupName('dev', time)), '');
  writeFileSync(join(dir, 'dev-20261129T143001Z.tar'), '');
  const newest = listBackups(dir, 'dev').map(({ createdAt }) => createdAt.toISOString());
  expect(newest.slice(0, 3)).toEqual([
    '2026-11-29T14:30:01.000Z',
    '2026-11-29T14:30:00.101Z',
    '2026-11-29T14:30:00.100Z',
  ]);
});

it('a backup is due if the newest backup is as old as the interval, or if there is no backup', () => {
  const found = listBackups(dir, 'dev');
  expect([1, 2, 3].map((hours) => isDue(found, hours, now))).toEqual([true, true, false]);
  expect(isDue([], 24, now)).toBe(true);
});
