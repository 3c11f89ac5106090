/** Backup encryption: decryption returns exactly the original bytes, or it fails. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type BackupKey, decrypt, encrypt, readKeyFile } from '../../../infra/backup/cipher.ts';
import { catchKitError } from '../../support/kit-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'kit-cipher-'));
afterAll(() => rmSync(dir, { recursive: true }));

const keyIn = (content: string | Uint8Array): BackupKey => {
  const path = join(dir, 'key');
  writeFileSync(path, content);
  return readKeyFile(path);
};
const key = keyIn(randomBytes(32));

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const CHUNK = 1024 ** 2;

it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])(
  'decryption restores %i bytes, in pieces of any size',
  async (size) => {
    const plain = randomBytes(size);
    const stored = await joined(encrypt(key, inPieces(plain, 70_001)));
    // Fewer than 8 bytes could occur by chance.
    expect(stored.includes(plain.subarray(0, 64)) && size >= 8).toBe(false);
    expect((await joined(decrypt(key, inPieces(stored, 65_537), 'file'))).equals(plain)).toBe(true);
  },
);

it('decryption rejects a wrong key, a changed byte, a missing end and swapped chunks', async () => {
  const stored = await joined(encrypt(key, inPieces(randomBytes(2 * CHUNK + 10), CHUNK)));
  const changed = Buffer.from(stored);
  changed[CHUNK] = (changed[CHUNK] as number) ^ 1;
  const head = 24;
  const chunk = 4 + CHUNK + 16;
  const [first, second] = [
    stored.subarray(head, head + chunk),
    stored.subarray(head + chunk, head + 2 * chunk),
  ];
  const exchanged = Buffer.concat([
    stored.subarray(0, head),
    second,
    first,
    stored.subarray(head + 2 * chunk),
  ]);
  for (const [used, bytes] of [
    [keyIn(randomBytes(32)), stored],
    [key, changed],
    [key, stored.subarray(0, -1)],
    [key, stored.subarray(0, head + 2 * chunk)],
    [key, stored.subarray(0, 10)],
    [key, exchanged],
  ] as const) {
    await expect(joined(decrypt(used, inPieces(bytes, 100_000), 'file'))).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
  }
});

it('the cipher accepts a key as 32 bytes, hexadecimal digits or base64, and rejects anything else', () => {
  const bytes = randomBytes(32);
  const hex = bytes.toString('hex');
  for (const content of [bytes, hex, `${hex}\n`, `${bytes.toString('base64')}\n`])
    expect(keyIn(content).reveal()).toBe(hex);
  const { code, message } = catchKitError(() => keyIn('password'));
  expect(code).toBe('BACKUP_KEY_INVALID');
  expect(message).toBe('must contain a key of 32 bytes, got 8 bytes');
  expect(catchKitError(() => readKeyFile(join(dir, 'absent'))).code).toBe('BACKUP_KEY_INVALID');
});
