import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { tarOf } from '../../../../infra/substrates/docker/archive.ts';
import { temporaryStateDir } from '../local/fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

const FILES = [
  { path: 'redis-1/redis.conf', text: 'port 6379\n'.repeat(100) },
  { path: 'redis-1/auth/redis.password', text: 'pässword' },
  { path: 'empty', text: '' },
  { path: 'block', text: 'x'.repeat(512) },
];

it('tar unpacks an archive into the same files, which other users cannot access', () => {
  mkdirSync(state.path, { recursive: true });
  const file = join(state.path, 'files.tar');
  writeFileSync(file, tarOf(FILES));
  const listed = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
  expect(listed).toEqual(FILES.map(({ path }) => path).sort());
  execFileSync('tar', ['-xf', file, '-C', state.path]);
  for (const { path, text } of FILES) {
    expect(readFileSync(join(state.path, path), 'utf8')).toBe(text);
    expect(statSync(join(state.path, path)).mode & 0o777).toBe(0o600);
  }
});

it('an archive depends only on its files, not on their order', () => {
  expect(tarOf([...FILES].reverse())).toEqual(tarOf(FILES));
  expect(tarOf([{ path: 'empty', text: ' ' }])).not.toEqual(tarOf([{ path: 'empty', text: '' }]));
});

it('a file name that the format cannot contain is rejected', () => {
  expect(() => tarOf([{ path: 'x'.repeat(101), text: '' }])).toThrow('at most 100 bytes');
});
