/**
 * Encrypts the files of a backup with the user's key: AES-256-GCM in chunks, so that a file of any size can be
 * decrypted without holding it in memory, and no byte is used before it is authenticated.
 *
 *   KITENC1\n │ salt (16) │ chunk, chunk … : length of the ciphertext (4) │ ciphertext │ tag (16)
 *
 * Each file has its own key, derived from the user's key and the salt. The nonce contains the chunk number and a flag
 * for the last chunk, so that chunks cannot be removed, repeated or reordered.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sha256Hex } from '../../config/digest.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import { Secret } from '../../config/secret.ts';

const MAGIC = Buffer.from('KITENC1\n');
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const CHUNK_BYTES = 1024 ** 2;
const KEY_BYTES = 32;

/** A 32-byte key, as 64 hexadecimal digits. */
export type BackupKey = Secret;

/**
 * Reads a key: 32 bytes, either raw or encoded as 64 hexadecimal digits or as base64.
 *
 * @throws KitError `BACKUP_KEY_INVALID`
 */
export function readKeyFile(path: string): BackupKey {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw invalidKey(path, `cannot be read: ${(error as Error).message}`, error);
  }
  if (content.length === KEY_BYTES) return new Secret(content.toString('hex'));
  const text = content.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return new Secret(text.toLowerCase());
  const decoded = /^[A-Za-z0-9+/]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (decoded.length === KEY_BYTES) return new Secret(decoded.toString('hex'));
  throw invalidKey(path, `must contain a key of 32 bytes, got ${content.length} bytes`);
}

function invalidKey(where: string, message: string, cause?: unknown): KitError {
  return new KitError(message, {
    code: 'BACKUP_KEY_INVALID',
    where,
    hint: 'create a key with openssl rand -hex 32 > FILE; 32 bytes, 64 hexadecimal digits and base64 are accepted',
    cause,
  });
}

/** Returns a value that identifies the key in a manifest without revealing it. */
export function keyCheckOf(key: BackupKey): string {
  return createHmac('sha256', keyBytes(key)).update('redis-cache-kit/backup/key').digest('hex').slice(0, 32);
}

/** Returns the seal of a text: an HMAC if there is a key, otherwise a SHA-256 digest. */
export function sealOf(text: string, key: BackupKey | undefined): string {
  if (key === undefined) return sha256Hex(text);
  const derived = hkdfSync('sha256', keyBytes(key), '', 'redis-cache-kit/backup/seal', KEY_BYTES);
  return createHmac('sha256', Buffer.from(derived)).update(text).digest('hex');
}

export function isSameSeal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

export async function* encrypt(key: BackupKey, plain: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  const fileKey = fileKeyOf(key, salt);
  yield Buffer.concat([MAGIC, salt]);
  let rest = Buffer.alloc(0);
  let index = 0;
  for await (const piece of plain) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length > CHUNK_BYTES) {
      yield encryptChunk(fileKey, rest.subarray(0, CHUNK_BYTES), index, false);
      rest = rest.subarray(CHUNK_BYTES);
      index += 1;
    }
  }
  yield encryptChunk(fileKey, rest, index, true);
}

function encryptChunk(key: Buffer, plain: Buffer, index: number, isLast: boolean): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, isLast));
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(encrypted.length);
  return Buffer.concat([length, encrypted, cipher.getAuthTag()]);
}

/**
 * Decrypts a file. @throws KitError `BACKUP_DAMAGED` at the first chunk that fails authentication; `where` names the
 * file
 */
export async function* decrypt(
  key: BackupKey,
  stored: AsyncIterable<Uint8Array>,
  where: string,
): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  let fileKey: Buffer | undefined;
  let index = 0;
  for await (const piece of stored) {
    rest = Buffer.concat([rest, piece]);
    if (fileKey === undefined) {
      if (rest.length < MAGIC.length + SALT_BYTES) continue;
      if (!rest.subarray(0, MAGIC.length).equals(MAGIC)) throw notAuthentic(where);
      fileKey = fileKeyOf(key, rest.subarray(MAGIC.length, MAGIC.length + SALT_BYTES));
      rest = rest.subarray(MAGIC.length + SALT_BYTES);
    }
    // The last chunk stays in `rest`: only the end of the file shows that it is the last one.
    for (let size = chunkSize(rest, where); size !== undefined && rest.length > size; ) {
      yield decryptChunk(fileKey, rest.subarray(4, size), index, false, where);
      rest = rest.subarray(size);
      index += 1;
      size = chunkSize(rest, where);
    }
  }
  const size = chunkSize(rest, where);
  if (fileKey === undefined || size !== rest.length) throw notAuthentic(where);
  yield decryptChunk(fileKey, rest.subarray(4), index, true, where);
}

/**
 * Returns the size of the first chunk, in bytes, including its length field and tag; undefined if the length field is
 * not complete yet.
 */
function chunkSize(bytes: Buffer, where: string): number | undefined {
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE();
  if (length > CHUNK_BYTES) throw notAuthentic(where);
  return 4 + length + TAG_BYTES;
}

function decryptChunk(key: Buffer, chunk: Buffer, index: number, isLast: boolean, where: string): Buffer {
  const encrypted = chunk.subarray(0, -TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, isLast));
  decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    throw notAuthentic(where);
  }
}

function nonceOf(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 4);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

function fileKeyOf(key: BackupKey, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', keyBytes(key), salt, 'redis-cache-kit/backup/file', KEY_BYTES));
}

const keyBytes = (key: BackupKey): Buffer => Buffer.from(key.reveal(), 'hex');

function notAuthentic(where: string): KitError {
  return new KitError('was changed or truncated: its authentication tag does not match', {
    code: 'BACKUP_DAMAGED',
    exitCode: EXIT.NO_GO,
    where,
    hint: 'use another copy of this backup, or an older backup',
  });
}
