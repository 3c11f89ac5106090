/**
 * Reads a run folder: the manifest, the seal, and which files are missing or differ from the sealed files.
 *
 * Opening reports flaws and throws only if nothing can be judged at all: a folder without a readable manifest, or one
 * that contains or names anything other than regular files. The judge decides how a flaw affects a criterion.
 *
 *   manifest ─▶ seal ─▶ walk (regular files only) ─▶ compare with the seal ─▶ Evidence
 *
 * Files can be read only through `Evidence.read` and `readHistory`, which refuse files that the seal does not name.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { KitError } from '../../config/errors.ts';
import { currentSubstrateName } from '../../config/substrate-names.ts';
import { type Accounting, accountFor } from './accounting.ts';
import { canonicalJson } from './canonical-json.ts';
import { changedFiles, digestText, isManifestChanged } from './digests.ts';
import { excerpt } from './excerpt.ts';
import { currentManifest, FORMER_MANIFEST_SCHEMA, type RecordedManifest } from './former-schema.ts';
import { MAX_HISTORY_BYTES, MAX_JSON_BYTES } from './limits.ts';
import {
  FILE_PATH,
  FORMER_MANIFEST_SHAPE,
  MANIFEST_SHAPE,
  type Manifest,
  SEAL_SHAPE,
  type Seal,
} from './manifest.ts';
import {
  CONFIG,
  digestFile,
  type FileDigest,
  filesBelow,
  isDerived,
  isJudged,
  MANIFEST,
  pathExists,
  REQUIRED,
  readPieces,
  readText,
  SEAL,
  sizeOf,
  unreadableError,
} from './run-folder.ts';
import { pickShape, shapeProblem } from './shape.ts';

export interface Integrity {
  /** Paths of files that are sealed or required, but are now missing; includes `seal.json` itself. */
  readonly missing: readonly string[];
  /** Paths of files that differ from the seal. */
  readonly altered: readonly string[];
  /** Paths of files in the folder that are not in the seal: they were written afterwards and are not evidence. */
  readonly unsealed: readonly string[];
}

export interface Evidence {
  readonly manifest: Manifest;
  readonly seal: Seal | undefined;
  readonly integrity: Integrity;
  readonly accounting: Accounting;
  /**
   * Returns the sealed SHA-256 of a file; for the seal itself, or if there is no seal, the SHA-256 of the current file.
   */
  sha256Of(path: string): string | undefined;
  /** Whether the folder contains a regular file with this path. */
  has(path: string): boolean;
  /**
   * Returns the text of a file; undefined if it is missing, or if there is a seal that does not name it.
   *
   * @throws KitError EVIDENCE_UNREADABLE if the file exceeds the limit for JSON files
   */
  read(path: string): string | undefined;
  /**
   * Returns the content of a history in pieces; undefined if it is missing, or if there is a seal that does not name
   * it.
   *
   * @throws KitError EVIDENCE_UNREADABLE if the file exceeds the limit for histories
   */
  readHistory(path: string): Iterable<Uint8Array> | undefined;
}

/** Opens a run folder. @throws KitError EVIDENCE_UNREADABLE, exit 3 */
export function openEvidence(dir: string): Evidence {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) {
    throw unreadableError(
      dir,
      'no such run folder',
      undefined,
      'pass the run folder that a run printed at its end',
    );
  }
  const manifestText = textOfManifest(join(dir, MANIFEST));
  const recorded = parseManifest(join(dir, MANIFEST), manifestText);
  const manifest = currentManifest(recorded);
  const sealText = pathExists(join(dir, SEAL)) ? readText(join(dir, SEAL), MAX_JSON_BYTES) : undefined;
  const seal = parseSeal(join(dir, SEAL), sealText);
  const paths = filesBelow(dir).filter((path) => !isDerived(path));
  const present = new Set(paths);
  const sealed = new Map(seal?.files.map((file) => [file.path, file]));
  const digests = new Map(
    paths.flatMap((path) => {
      const digest = digestAsSealed(join(dir, path), sealed.get(path));
      return digest === undefined ? [] : [[path, digest] as const];
    }),
  );
  const isGiven = (path: string) => present.has(path) && (seal === undefined || sealed.has(path));
  const readPresent = (path: string) =>
    isGiven(path) ? readText(join(dir, path), MAX_JSON_BYTES) : undefined;
  return {
    manifest: { ...manifest, substrate: currentSubstrateName(manifest.substrate) },
    seal,
    integrity: compareRecords({
      recorded,
      manifestText,
      seal,
      sealText,
      present,
      digests,
      config: readPresent(CONFIG),
    }),
    accounting: accountFor(manifest, seal),
    sha256Of: (path) => {
      if (path === SEAL) return sealText === undefined ? undefined : digestText(sealText);
      if (seal !== undefined) return sealed.get(path)?.sha256;
      return present.has(path) ? digestFile(join(dir, path)).sha256 : undefined;
    },
    has: (path) => present.has(path),
    read: readPresent,
    readHistory: (path) => (isGiven(path) ? readPieces(join(dir, path), MAX_HISTORY_BYTES) : undefined),
  };
}

/** A file larger than this is not hashed if its size differs from the size in the seal: the size is proof enough. */
const MAX_HASHED_ANYWAY_BYTES = 64 * 1024 ** 2;

/**
 * Returns the digest of a file; undefined if the seal does not name the file. A large file is not hashed if its size
 * differs from the size in the seal.
 */
function digestAsSealed(path: string, file: Seal['files'][number] | undefined): FileDigest | undefined {
  if (file === undefined) return undefined;
  const bytes = sizeOf(path);
  if (bytes !== file.bytes && bytes > MAX_HASHED_ANYWAY_BYTES) return { sha256: '', bytes };
  return digestFile(path);
}

interface Found {
  readonly recorded: RecordedManifest;
  readonly manifestText: string;
  readonly seal: Seal | undefined;
  readonly sealText: string | undefined;
  readonly present: ReadonlySet<string>;
  readonly digests: ReadonlyMap<string, FileDigest>;
  readonly config: string | undefined;
}

function compareRecords({
  recorded: manifest,
  manifestText,
  seal,
  sealText,
  present,
  digests,
  config,
}: Found): Integrity {
  const files = seal?.files ?? [];
  const sealed = new Set(files.map(({ path }) => path));
  const altered = new Set(
    files
      .filter(({ path, sha256 }) => present.has(path) && digests.get(path)?.sha256 !== sha256)
      .map(({ path }) => path),
  );
  // The manifest contains the configuration's hash as well, so a changed configuration is detected without a seal.
  if (config !== undefined && digestText(config) !== manifest.configSha256) altered.add(CONFIG);
  if (isSealAltered(seal, sealText, digests)) altered.add(SEAL);
  if (isManifestChanged(manifest, manifestText)) altered.add(MANIFEST);
  const judged = [...digests].filter(([path]) => isJudged(path));
  const found = new Map(judged.map(([path, { sha256 }]) => [path, sha256]));
  for (const path of changedFiles(manifest, found)) altered.add(path);
  if (seal === undefined) {
    return {
      missing: sealText === undefined ? [SEAL] : [],
      altered: [...altered].sort(byCodeUnit),
      unsealed: [],
    };
  }
  return {
    missing: [...new Set([...sealed, ...REQUIRED, ...Object.keys(manifest.digests?.files ?? {})])]
      .filter((path) => !present.has(path))
      .sort(byCodeUnit),
    altered: [...altered].sort(byCodeUnit),
    unsealed: [...present].filter((path) => path !== SEAL && !sealed.has(path)),
  };
}

/**
 * Whether the seal was changed. The seal was written completely, as canonical JSON, from the files that existed at that
 * time, so any difference means that it was changed later.
 */
function isSealAltered(
  seal: Seal | undefined,
  text: string | undefined,
  digests: ReadonlyMap<string, FileDigest>,
): boolean {
  if (seal === undefined) return text !== undefined;
  const sizeDiffers = ({ path, sha256, bytes }: Seal['files'][number]) => {
    const found = digests.get(path);
    return found?.sha256 === sha256 && found.bytes !== bytes;
  };
  return text !== canonicalJson(seal) || seal.files.some(sizeDiffers);
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Parses the seal. A seal that cannot be read counts as missing.
 *
 * @throws KitError EVIDENCE_UNREADABLE if it names anything but a regular file in the folder
 */
function parseSeal(where: string, text: string | undefined): Seal | undefined {
  let seal: unknown;
  try {
    seal = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  for (const path of pathsNamedIn(seal)) {
    if (shapeProblem(path, FILE_PATH) === undefined) continue;
    throw unreadableError(where, `not a regular file of the run folder: ${excerpt(path)}`);
  }
  const isSeal = shapeProblem(seal, SEAL_SHAPE) === undefined && (seal as Seal).files.length > 0;
  return isSeal ? (pickShape(seal, SEAL_SHAPE) as Seal) : undefined;
}

/** Returns the paths in a value that may be a seal. */
function pathsNamedIn(seal: unknown): readonly string[] {
  const files = (seal as { readonly files?: unknown } | null)?.files;
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: { readonly path?: unknown } | null) =>
    typeof file?.path === 'string' ? [file.path] : [],
  );
}

/** Returns the error for a manifest that cannot be judged. */
function refusedManifest(where: string, message: string, cause?: unknown): KitError {
  return unreadableError(
    where,
    message,
    cause,
    'the folder is not, or is no longer, the evidence of a run; run again',
  );
}

function textOfManifest(where: string): string {
  if (!pathExists(where)) throw refusedManifest(where, 'the manifest is missing: nothing can be judged');
  return readText(where, MAX_JSON_BYTES);
}

function parseManifest(where: string, text: string): RecordedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refusedManifest(where, 'the manifest is not JSON', cause);
  }
  const { schema } = (value ?? {}) as { readonly schema?: unknown };
  const shape = schema === FORMER_MANIFEST_SCHEMA ? FORMER_MANIFEST_SHAPE : MANIFEST_SHAPE;
  const problem = shapeProblem(value, shape);
  if (problem !== undefined) throw refusedManifest(where, problem);
  return pickShape(value, shape) as RecordedManifest;
}
