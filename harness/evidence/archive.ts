/**
 * A run folder as one tar archive (ustar), for transport. Regular files only, in a fixed order, without times or
 * owners, so that the same folder gives the same bytes. Any `tar` can extract it.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { KitError } from '../../config/errors.ts';
import { filesBelow, notWrittenError, readPieces, sizeOf, unreadableError } from './run-folder.ts';

const BLOCK_BYTES = 512;

/**
 * Writes the archive: `<root>/<path>` for every file in the folder, then the files in `extra`.
 *
 * @param extra texts of additional files, by file name
 * @throws KitError EVIDENCE_NOT_WRITTEN; EVIDENCE_UNREADABLE for a path that is too long for the format
 */
export function writeArchive(
  file: string,
  dir: string,
  root: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  const paths = filesBelow(dir).filter((path) => !Object.hasOwn(extra, path));
  try {
    const out = openSync(file, 'wx', 0o644);
    let isWhole = false;
    try {
      for (const path of paths) writeEntry(out, `${root}/${path}`, join(dir, path));
      for (const [name, text] of Object.entries(extra)) {
        const content = Buffer.from(text);
        const header = headerOf(`${root}/${name}`, content.length);
        writeWhole(out, Buffer.concat([header, content, paddingOf(content.length)]));
      }
      writeWhole(out, Buffer.alloc(2 * BLOCK_BYTES));
      isWhole = true;
    } finally {
      closeSync(out);
      if (!isWhole) rmSync(file);
    }
  } catch (cause) {
    if (cause instanceof KitError) throw cause;
    throw notWrittenError(file, cause);
  }
}

/** Writes one part of the archive. Each part is compressed separately, because gzip files may be concatenated. */
function writeWhole(out: number, entry: Uint8Array): void {
  const bytes = gzipSync(entry);
  for (let written = 0; written < bytes.length; ) written += writeSync(out, bytes, written);
}

/** Writes the header and the content of one file in the folder, piece by piece. */
function writeEntry(out: number, path: string, file: string): void {
  const bytes = sizeOf(file);
  writeWhole(out, headerOf(path, bytes));
  let read = 0;
  for (const piece of readPieces(file, bytes)) {
    read += piece.length;
    writeWhole(out, piece);
  }
  if (read !== bytes)
    throw unreadableError(file, `${read} bytes instead of ${bytes}: the file changed while the kit read it`);
  if (bytes % BLOCK_BYTES > 0) writeWhole(out, paddingOf(bytes));
}

/** Returns the zeros that fill the last block of a file. */
function paddingOf(bytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function headerOf(path: string, bytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const [prefix, name] = splitPath(path);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0, 100);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(bytes, 11), 124);
  header.write(octal(0, 11), 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(prefix, 345, 155);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
    148,
  );
  return header;
}

/** Splits a path into the two fields of the format: 155 and 100 bytes. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw unreadableError(path, 'the path is too long for a tar archive');
}
