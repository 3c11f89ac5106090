/**
 * Reads a run folder: manifest, seal, and which files are missing or differ from what was sealed.
 *
 * Opening says what is wrong and throws only where nothing could be judged at all, which is a folder without a readable
 * manifest. What a flaw means for a criterion is decided by the judge.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import { canonicalJson } from './canonical-json.ts';
import { digestFile, digestText, type FileDigest, filesBelow } from './files.ts';
import { MANIFEST_SHAPE, type Manifest, SEAL_SHAPE, type Seal } from './manifest.ts';
import { CONFIG, isDerived, MANIFEST, SEAL } from './run-folder.ts';
import { misshapen } from './shape.ts';

export interface Integrity {
  /** Sealed, but not there any more. `seal.json` itself where there is none. */
  readonly missing: readonly string[];
  /** Differ from the seal. */
  readonly altered: readonly string[];
  /** In the folder, but not in the seal: written afterwards, not evidence. */
  readonly unsealed: readonly string[];
}

export interface Evidence {
  readonly manifest: Manifest;
  readonly seal: Seal | undefined;
  readonly integrity: Integrity;
  /** SHA-256 of a file as it was sealed; of the file as it is where there is no seal, and of the seal itself. */
  sha256Of(path: string): string | undefined;
  has(path: string): boolean;
  /** A file's text; undefined where it is missing. */
  read(path: string): string | undefined;
}

/** @throws KitError EVIDENCE_UNREADABLE, exit 3 */
export function openEvidence(dir: string): Evidence {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) {
    throw unreadable(dir, 'no such run folder', 'give the folder that a run printed at its end');
  }
  const read = (path: string) =>
    existsSync(join(dir, path)) ? readFileSync(join(dir, path), 'utf8') : undefined;
  const manifest = parseManifest(join(dir, MANIFEST), read(MANIFEST));
  const seal = parseSeal(read(SEAL));
  const digests = new Map(
    filesBelow(dir)
      .filter((path) => !isDerived(path))
      .map((path) => [path, digestFile(join(dir, path))]),
  );
  const sealed = new Map(seal?.files.map((file) => [file.path, file.sha256]));
  const sealText = read(SEAL);
  const sealSha256 = sealText === undefined ? undefined : digestText(sealText);
  return {
    manifest,
    seal,
    integrity: {
      ...compare(seal, digests, manifest, read),
      ...(seal === undefined && { missing: read(SEAL) === undefined ? [SEAL] : [] }),
    },
    sha256Of: (path) => {
      if (path === SEAL) return sealSha256;
      return sealed.get(path) ?? (seal === undefined ? digests.get(path)?.sha256 : undefined);
    },
    has: (path) => existsSync(join(dir, path)),
    read,
  };
}

function compare(
  seal: Seal | undefined,
  digests: ReadonlyMap<string, FileDigest>,
  manifest: Manifest,
  read: (path: string) => string | undefined,
): Integrity {
  const files = seal?.files ?? [];
  const sealed = new Set(files.map(({ path }) => path));
  const there = files.filter(({ path }) => digests.has(path));
  const altered = new Set(
    there.filter(({ path, sha256 }) => digests.get(path)?.sha256 !== sha256).map(({ path }) => path),
  );
  // The manifest names the configuration's hash too, so that a folder without a seal still shows a changed one.
  const config = read(CONFIG);
  if (config !== undefined && digestText(config) !== manifest.configSha256) altered.add(CONFIG);
  if (isSealAltered(seal, read(SEAL), digests)) altered.add(SEAL);
  return {
    missing: [...sealed].filter((path) => !digests.has(path)),
    altered: [...altered].sort(byCodeUnit),
    unsealed:
      seal === undefined ? [] : [...digests.keys()].filter((path) => path !== SEAL && !sealed.has(path)),
  };
}

/** A seal was written whole, as canonical JSON, from the files as they were: what differs from that was changed since. */
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

function parseSeal(text: string | undefined): Seal | undefined {
  try {
    const seal: unknown = JSON.parse(text ?? 'null');
    return misshapen(seal, SEAL_SHAPE) === undefined && (seal as Seal).files.length > 0
      ? (seal as Seal)
      : undefined;
  } catch {
    return undefined;
  }
}

function parseManifest(where: string, text: string | undefined): Manifest {
  const hint = 'this is not the evidence of a run, or no longer; run again';
  if (text === undefined) throw unreadable(where, 'the manifest is missing: nothing can be judged', hint);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(where, 'the manifest is not JSON', hint, cause);
  }
  const problem = misshapen(value, MANIFEST_SHAPE);
  if (problem !== undefined) throw unreadable(where, problem, hint);
  return value as Manifest;
}

function unreadable(where: string, message: string, hint: string, cause?: unknown): KitError {
  return new KitError(message, { code: 'EVIDENCE_UNREADABLE', where, hint, exitCode: EXIT.UNKNOWN, cause });
}
