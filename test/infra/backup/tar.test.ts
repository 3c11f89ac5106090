/** The archive of a backup is either read completely or rejected. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { listTar, writeTar } from '../../../infra/backup/tar.ts';

const BLOCK = 512;
const dir = mkdtempSync(join(tmpdir(), 'kit-tar-'));
const path = join(dir, 'archive.tar');
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() =>
  writeTar(path, [
    { name: 'first', content: { text: 'a'.repeat(700) } },
    { name: 'second', content: { text: 'b' } },
  ]),
);

it('the files of an archive are listed in order', async () => {
  expect(await listTar(path)).toEqual([
    { name: 'first', start: BLOCK, bytes: 700 },
    { name: 'second', start: 4 * BLOCK, bytes: 1 },
  ]);
});

it.each([BLOCK - 1, BLOCK + 10, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK])(
  'an archive is rejected if it is truncated after %i bytes',
  async (bytes) => {
    truncateSync(path, bytes);
    expect(await listTar(path)).toBeUndefined();
  },
);

it('an archive is rejected if it contains a negative size, which would lead back to an earlier header', async () => {
  const bytes = readFileSync(path);
  bytes.write('-0000001000', 124);
  bytes.fill(' ', 148, 156);
  const checksum = bytes.subarray(0, BLOCK).reduce((sum, byte) => sum + byte, 0);
  bytes.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  writeFileSync(path, bytes);
  expect(await listTar(path)).toBeUndefined();
});
