/** Reads a configuration file with a size limit, so that a binary or huge file is rejected immediately. */
import { closeSync, openSync, readSync } from 'node:fs';
import { KitError } from '../config/errors.ts';

/** Maximum size of a file, in bytes: enough for thousands of ACL users. The stock files are about 110 kB. */
const MAX_BYTES = 8 * 2 ** 20;
/** Number of bytes to read from a binary file: enough for its first lines. */
const BINARY_BYTES = 64 * 2 ** 10;

/** Reads a file. @throws KitError `FILE_UNREADABLE`, `FILE_TOO_LARGE` */
export function readConfFile(file: string): string {
  const bytes = readBounded(file, MAX_BYTES + 1);
  const isBinary = bytes.subarray(0, BINARY_BYTES).includes(0);
  if (isBinary) return bytes.subarray(0, BINARY_BYTES).toString('utf8');
  if (bytes.length > MAX_BYTES) {
    throw new KitError(`must be a configuration file of at most ${MAX_BYTES} bytes`, {
      code: 'FILE_TOO_LARGE',
      where: file,
      hint: 'pass a redis.conf, valkey.conf or sentinel.conf',
    });
  }
  return bytes.toString('utf8');
}

function readBounded(file: string, maxBytes: number): Buffer {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const chunks: Buffer[] = [];
    for (let left = maxBytes; left > 0; ) {
      const chunk = Buffer.alloc(Math.min(left, BINARY_BYTES));
      const count = readSync(descriptor, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      left -= count;
      // Stop reading: the file is binary.
      if (chunks.length === 1 && chunk.subarray(0, count).includes(0)) break;
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    throw new KitError('cannot be read', {
      code: 'FILE_UNREADABLE',
      where: file,
      hint: 'pass the path of a readable file',
      cause,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
