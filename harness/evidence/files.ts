/** Files as evidence needs them: hashed in pieces, written whole or not at all, walked in one order everywhere. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
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

export function digestFile(path: string): FileDigest {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const file = openSync(path, 'r');
  try {
    let bytes = 0;
    for (;;) {
      const read = readSync(file, piece, 0, PIECE_BYTES, null);
      if (read === 0) return { sha256: hash.digest('hex'), bytes };
      hash.update(piece.subarray(0, read));
      bytes += read;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a text so that a reader sees all of it or nothing: a temporary file, flushed to the disk, renamed over the name.
 *
 * @throws KitError EVIDENCE_NOT_WRITTEN, exit 3: what cannot be kept cannot be judged
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

/** The one error for evidence that did not reach the disk (full, read-only, not ours). */
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

/** All files below a folder, relative to it with `/`, sorted by code unit (no locale). */
export function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  const walk = (below: string) => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else found.push(path);
    }
  };
  walk('');
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
