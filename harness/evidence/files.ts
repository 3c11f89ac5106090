/**
 * File access for evidence: regular files only, hashed in pieces, written whole or not at all, walked in the same order
 * everywhere. Anything else in a run folder (FIFO, link, socket, device) is an error: reading it could block forever,
 * or read a file outside the folder.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';

/** Histories of long runs are hundreds of megabytes: never read whole to be hashed. */
const PIECE_BYTES = 1 << 20;

export interface FileDigest {
  readonly sha256: string;
  readonly bytes: number;
}

export function digestText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @throws KitError EVIDENCE_UNREADABLE where it is not a regular file or cannot be read */
export function digestFile(path: string): FileDigest {
  return withRegularFile(path, (file) => {
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let bytes = 0;
    for (;;) {
      const read = readSync(file, piece, 0, PIECE_BYTES, null);
      if (read === 0) return { sha256: hash.digest('hex'), bytes };
      hash.update(piece.subarray(0, read));
      bytes += read;
    }
  });
}

/** Whether the name exists, also as a link without its target. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Size of a regular file in bytes. @throws KitError EVIDENCE_UNREADABLE */
export function sizeOf(path: string): number {
  return withRegularFile(path, (file) => fstatSync(file).size);
}

/**
 * Text of a regular file.
 *
 * @throws KitError EVIDENCE_UNREADABLE where it is not a regular file, is larger than `maxBytes` or cannot be read
 */
export function readText(path: string, maxBytes: number): string {
  return withRegularFile(path, (file) => {
    const { size } = fstatSync(file);
    if (size > maxBytes) throw unreadable(path, `${size} bytes; at most ${maxBytes} can be judged`);
    return readFileSync(file, 'utf8');
  });
}

/** Opens without waiting for a writer of a FIFO and without following a link, and closes in any case. */
function withRegularFile<T>(path: string, use: (file: number) => T): T {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw unopened(path, cause);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw notRegular(path, kindOf(stat));
    return use(file);
  } catch (cause) {
    throw cause instanceof KitError ? cause : unreadable(path, (cause as Error).message, cause);
  } finally {
    closeSync(file);
  }
}

function unopened(path: string, cause: unknown): KitError {
  const { code, message } = cause as NodeJS.ErrnoException;
  // A link that was not followed; a socket, which cannot be opened.
  if (code === 'ELOOP') return notRegular(path, 'a link');
  if (code === 'ENXIO') return notRegular(path, 'a socket');
  return unreadable(path, code === 'EACCES' ? 'permission denied' : message, cause);
}

type Kind = Pick<
  Dirent,
  'isFIFO' | 'isSymbolicLink' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice' | 'isDirectory'
>;

function kindOf(entry: Kind): string {
  if (entry.isFIFO()) return 'a FIFO';
  if (entry.isSymbolicLink()) return 'a link';
  if (entry.isSocket()) return 'a socket';
  if (entry.isDirectory()) return 'a folder';
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'of a kind that is not known';
}

/** Error for an entry of a run folder that is not a file: nothing of the folder is judged then. */
export function notRegular(path: string, kind: string): KitError {
  return unreadable(path, `not a regular file: it is ${kind}`);
}

/** Advice for evidence that cannot be read. */
const COPY_HINT =
  'give an unchanged copy of the folder that a run printed at its end; it holds regular files and folders only';

/** Error for evidence that cannot be read. */
export function unreadable(where: string, message: string, cause?: unknown, hint = COPY_HINT): KitError {
  return new KitError(message, { code: 'EVIDENCE_UNREADABLE', where, hint, exitCode: EXIT.UNKNOWN, cause });
}

/**
 * Writes a text so that a reader sees all of it or nothing: a temporary file, flushed to the disk, renamed over the name.
 *
 * @throws KitError EVIDENCE_NOT_WRITTEN, exit 3: a text that cannot be stored cannot be judged
 */
export function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.partial`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, 'w', 0o644);
    try {
      const bytes = Buffer.from(text);
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    if (existsSync(temporary)) rmSync(temporary);
    throw notWritten(path, cause);
  }
}

/** Error for evidence that did not reach the disk (full, read-only, not ours). */
export function notWritten(path: string, cause: unknown): KitError {
  const code = (cause as NodeJS.ErrnoException).code;
  return new KitError(
    `cannot write the evidence: ${code === 'ENOSPC' ? 'no space left on the disk' : String((cause as Error).message)}`,
    {
      code: 'EVIDENCE_NOT_WRITTEN',
      where: path,
      hint: 'free space there or choose another folder with --out',
      exitCode: EXIT.UNKNOWN,
      cause,
    },
  );
}

/**
 * Relative paths of all files below a folder, with `/`, sorted by code unit (no locale); none where there is no such folder.
 *
 * @throws KitError EVIDENCE_UNREADABLE where anything below it is neither a regular file nor a folder
 */
export function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  const walk = (below: string) => {
    for (const entry of entriesOf(join(folder, below))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) found.push(path);
      else throw notRegular(join(folder, path), kindOf(entry));
    }
  };
  walk('');
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw unopened(folder, cause);
  }
}
