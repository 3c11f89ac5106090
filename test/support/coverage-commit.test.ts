import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commitOf, stampCoverage } from './coverage-commit.ts';

let dir: string;
const git = (...args: string[]) =>
  execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
    encoding: 'utf8',
  });
const summary = () => join(dir, 'out-summary.json');
const stamp = () => JSON.parse(readFileSync(join(dir, 'coverage-commit.json'), 'utf8'));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coverage-'));
  git('init', '--quiet');
  writeFileSync(join(dir, '.gitignore'), 'out-*\ncoverage-*\n');
  git('add', '.');
  git('commit', '--quiet', '-m', 'first');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a coverage stamp contains the commit of a clean checkout', () => {
  const tell = stampCoverage(summary(), dir);
  writeFileSync(summary(), '{}');
  tell();
  expect(stamp()).toEqual({ commit: git('rev-parse', 'HEAD').trim(), summarySha256: expect.any(String) });
});

it('a coverage stamp is dirty if files differed at the start, or if the commit changed before the end', () => {
  const clean = stampCoverage(summary(), dir);
  writeFileSync(join(dir, 'new'), '');
  const tell = stampCoverage(summary(), dir);
  writeFileSync(summary(), '{}');
  tell();
  expect(stamp().commit).toBe(commitOf(dir));
  git('add', '.');
  git('commit', '--quiet', '-m', 'second');
  clean();
  expect(stamp().commit).toBe(`${git('rev-parse', 'HEAD').trim()}-dirty`);
});

it('no stamp is written for an older summary, or outside a checkout', () => {
  writeFileSync(summary(), '{}');
  utimesSync(summary(), 1, 1);
  stampCoverage(summary(), dir)();
  rmSync(join(dir, '.git'), { recursive: true });
  const tell = stampCoverage(summary(), dir);
  writeFileSync(summary(), '{}');
  tell();
  expect(existsSync(join(dir, 'coverage-commit.json'))).toBe(false);
});
