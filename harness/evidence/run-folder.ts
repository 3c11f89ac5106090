/**
 * The run folder: the names of its files, and functions that write the folder and read its files. Lifecycle:
 *
 *   1. `createRunFolder`   a new folder with a manifest marked `incomplete`, which a killed kit leaves behind
 *   2. `writeConfig`, `writeGates`, `writeDrills`, `addInput`   the inputs for judging
 *   3. trials stream their histories into `trials/`; `sink` stores the output of external programs
 *   4. `collectLogs`       the nodes' own logs
 *   5. `seal`              the final manifest with the digests of judged files, then the seal with those of all files
 *
 * A folder without a seal, or whose manifest says `incomplete`, is never a GO.
 *
 * All files are regular files, hashed in pieces, written completely or not at all, and listed in the same order on
 * every machine. Anything else (FIFO, link, socket, device) is an error: reading it could block forever, or read a file
 * outside the folder. `open.ts` reads a folder and checks it.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  constants,
  copyFileSync,
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
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import { canonicalJson } from './canonical-json.ts';
import { digestText, withDigests } from './digests.ts';
import { MAX_HISTORY_BYTES } from './limits.ts';
import type { Manifest, Seal } from './manifest.ts';

export const MANIFEST = 'manifest.json';
export const CONFIG = 'config.json';
export const GATES = 'gates.json';
export const DRILLS = 'drills.json';
export const SEAL = 'seal.json';
/** Files without which nothing can be judged. */
export const REQUIRED = [MANIFEST, CONFIG, GATES, DRILLS] as const;
/** Log folder: kept for readers, never judged. */
export const LOGS = 'logs';
/** File with one line of JSON per external program: command, exit code and output. */
const PROGRAMS = `${LOGS}/programs.jsonl`;
/** Names of a run's inputs other than its configuration. */
export const INPUTS = {
  coverage: 'inputs/coverage.json',
  /** Commit for which the summary was written; the tests write this file next to the summary. */
  coverageCommit: 'inputs/coverage-commit.json',
} as const;
export type InputName = keyof typeof INPUTS;

/** Value of `manifest.incomplete` that an interrupted run leaves behind. */
const UNFINISHED = 'the run was interrupted';

/** Whether the path is a top-level file that is derived from the evidence and therefore not part of it. */
export function isDerived(path: string): boolean {
  return path === SEAL || (!path.includes('/') && /^(report\.|junit\.xml$|ctrf[-.])/.test(path));
}

/** Whether the file has a digest in the manifest: all evidence except logs and the manifest itself. */
export function isJudged(path: string): boolean {
  return path !== MANIFEST && !path.startsWith(`${LOGS}/`) && !isDerived(path);
}

export interface RunFolder {
  /** Absolute path of the folder. */
  readonly dir: string;
  /** Writes the resolved environment; returns its SHA-256 for `manifest.configSha256`. */
  writeConfig(environment: unknown): string;
  writeGates(gates: unknown): void;
  /** Writes the drills of the run, from which a report takes its titles and safe outcomes. */
  writeDrills(drills: readonly unknown[]): void;
  /** Copies a file that was passed to the run, such as the coverage summary. */
  addInput(name: InputName, file: string): void;
  /** Stores one record of an external program; pass it as the sink of `infra/host/process.ts`. */
  sink(record: object): void;
  /** Copies the nodes' logs to `logs/<node>.log`; a node that never wrote one is left out. */
  collectLogs(logs: ReadonlyMap<string, string>): void;
  /** Writes the final manifest and seals the folder. Only derived reports may be written afterwards. */
  seal(manifest: Manifest): Seal;
  /** Writes a derived report, atomically. */
  writeReport(name: string, text: string): void;
}

/**
 * @param dir path of a folder that does not exist yet or is empty
 * @throws KitError RUN_FOLDER_NOT_EMPTY, EVIDENCE_NOT_WRITTEN
 */
export function createRunFolder(dir: string, manifest: Manifest): RunFolder {
  if (existsSync(dir) && !statSync(dir).isDirectory()) {
    throw new KitError('the run folder is a file', {
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: dir,
      hint: 'choose a new folder with --out',
    });
  }
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new KitError('the run folder is not empty; each run needs its own folder', {
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: dir,
      hint: 'choose a new folder with --out, or remove this folder',
    });
  }
  const write = (path: string, value: unknown) => {
    const text = canonicalJson(value);
    writeAtomically(join(dir, path), text);
    return digestText(text);
  };
  write(MANIFEST, { ...manifest, incomplete: UNFINISHED });
  return {
    dir,
    writeConfig: (environment) => write(CONFIG, environment),
    writeGates: (gates) => void write(GATES, gates),
    writeDrills: (drills) => void write(DRILLS, drills),
    addInput: (name, file) => copyInto(file, join(dir, INPUTS[name])),
    sink: (record) => appendLine(join(dir, PROGRAMS), record),
    collectLogs: (logs) => {
      for (const [node, file] of logs) {
        if (existsSync(file)) copyInto(file, join(dir, LOGS, `${basename(node)}.log`));
      }
    },
    seal: (final) => {
      const files = digestsBelow(dir).filter(({ path }) => path !== MANIFEST);
      const judged = files.filter(({ path }) => isJudged(path));
      write(MANIFEST, withDigests(final, judged));
      const own = { path: MANIFEST, ...digestFile(join(dir, MANIFEST)) };
      const seal: Seal = { schema: 'redis-cache-kit/seal/1', files: [...files, own].sort(byPath) };
      write(SEAL, seal);
      return seal;
    },
    writeReport: (name, text) => writeAtomically(join(dir, name), text),
  };
}

function digestsBelow(dir: string): Seal['files'] {
  return filesBelow(dir)
    .filter((path) => !isDerived(path))
    .map((path) => ({ path, ...digestFile(join(dir, path)) }));
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }) => (a.path < b.path ? -1 : 1);

function copyInto(from: string, to: string): void {
  try {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new KitError('no such file', {
        code: 'INPUT_NOT_FOUND',
        where: from,
        hint: 'pass a path that exists',
        cause,
      });
    }
    throw notWrittenError(to, cause);
  }
}

function appendLine(path: string, record: object): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, `${JSON.stringify(record)}\n`);
  } catch (cause) {
    throw notWrittenError(path, cause);
  }
}

/** Histories of long runs are hundreds of megabytes in size, so they are hashed and read in pieces. */
const PIECE_BYTES = 1 << 16;

export interface FileDigest {
  readonly sha256: string;
  readonly bytes: number;
}

/** Computes the digest of a file. @throws KitError EVIDENCE_UNREADABLE if it is not a regular file or cannot be read */
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

/** Whether the path exists, even as a dangling link. */
export function pathExists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Returns the size of a regular file in bytes. @throws KitError EVIDENCE_UNREADABLE */
export function sizeOf(path: string): number {
  return withRegularFile(path, (file) => fstatSync(file).size);
}

/**
 * Returns the text of a regular file.
 *
 * @throws KitError EVIDENCE_UNREADABLE if it is not a regular file, is larger than `maxBytes` or cannot be read
 */
export function readText(path: string, maxBytes: number): string {
  return withRegularFile(path, (file) => {
    const { size } = fstatSync(file);
    if (size > maxBytes) throw tooLargeError(path, size, maxBytes);
    return readFileSync(file, 'utf8');
  });
}

/**
 * Returns the content of a regular file in pieces, each valid until the next one is read. The file is opened again for
 * each iteration.
 *
 * @throws KitError EVIDENCE_UNREADABLE immediately if it is not a regular file or is larger than `maxBytes`, and during
 * the iteration if it cannot be read
 */
export function readPieces(path: string, maxBytes: number): Iterable<Uint8Array> {
  const size = sizeOf(path);
  if (size > maxBytes) throw tooLargeError(path, size, maxBytes);
  return { [Symbol.iterator]: () => piecesOf(path) };
}

/** Returns the histories of a trial in a folder that is not sealed yet. @throws KitError EVIDENCE_UNREADABLE */
export function readHistories(
  dir: string,
  paths: readonly string[],
): readonly { readonly path: string; readonly pieces: Iterable<Uint8Array> }[] {
  return paths.map((path) => ({ path, pieces: readPieces(join(dir, path), MAX_HISTORY_BYTES) }));
}

function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openRegularFile(path);
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  try {
    for (;;) {
      const read = readSync(file, piece, 0, PIECE_BYTES, null);
      if (read === 0) return;
      yield piece.subarray(0, read);
    }
  } catch (cause) {
    throw unreadableError(path, (cause as Error).message, cause);
  } finally {
    closeSync(file);
  }
}

function tooLargeError(path: string, bytes: number, maxBytes: number): KitError {
  return unreadableError(path, `${bytes} bytes; at most ${maxBytes} can be judged`);
}

/** Opens a regular file and always closes it. */
function withRegularFile<T>(path: string, use: (file: number) => T): T {
  const file = openRegularFile(path);
  try {
    return use(file);
  } catch (cause) {
    throw cause instanceof KitError ? cause : unreadableError(path, (cause as Error).message, cause);
  } finally {
    closeSync(file);
  }
}

/** Opens a file without waiting for the writer of a FIFO and without following a link. */
function openRegularFile(path: string): number {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw openError(path, cause);
  }
  const stat = fstatSync(file);
  if (stat.isFile()) return file;
  closeSync(file);
  throw irregularFileError(path, kindOf(stat));
}

function openError(path: string, cause: unknown): KitError {
  const { code, message } = cause as NodeJS.ErrnoException;
  // ELOOP: a link, which is not followed. ENXIO: a socket, which cannot be opened.
  if (code === 'ELOOP') return irregularFileError(path, 'a link');
  if (code === 'ENXIO') return irregularFileError(path, 'a socket');
  return unreadableError(path, code === 'EACCES' ? 'permission denied' : message, cause);
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
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'of an unknown kind';
}

/** Returns the error for an entry in a run folder that is not a regular file; such a folder is not judged. */
function irregularFileError(path: string, kind: string): KitError {
  return unreadableError(path, `not a regular file: it is ${kind}`);
}

/** Advice for evidence that cannot be read. */
const COPY_HINT =
  'pass an unchanged copy of the folder that a run printed at its end; it holds regular files and folders only';

/** Returns the error for evidence that cannot be read. */
export function unreadableError(where: string, message: string, cause?: unknown, hint = COPY_HINT): KitError {
  return new KitError(message, { code: 'EVIDENCE_UNREADABLE', where, hint, exitCode: EXIT.UNKNOWN, cause });
}

/**
 * Writes a file so that a reader gets all of it or nothing: a temporary file is flushed to the disk
 * and renamed.
 *
 * @throws KitError EVIDENCE_NOT_WRITTEN, exit 3: evidence that cannot be stored cannot be judged
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
    throw notWrittenError(path, cause);
  }
}

/** Returns the error for evidence that could not be written to the disk (full, read-only, no permission). */
export function notWrittenError(path: string, cause: unknown): KitError {
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
 * Returns the relative paths, with `/`, of all files below a folder, sorted by code unit (no locale); none if the
 * folder does not exist.
 *
 * @throws KitError EVIDENCE_UNREADABLE if anything below it is neither a regular file nor a folder
 */
export function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  const walk = (below: string) => {
    for (const entry of entriesOf(join(folder, below))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) found.push(path);
      else throw irregularFileError(join(folder, path), kindOf(entry));
    }
  };
  walk('');
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw openError(folder, cause);
  }
}
