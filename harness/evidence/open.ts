/**
 * Reads a run folder: manifest, seal, and which files are missing or differ from what was sealed.
 *
 * Opening says what is wrong and throws only where nothing could be judged at all, which is a folder without a readable
 * manifest. What a flaw means for a criterion is decided by the judge.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import { digestFile, digestText, filesBelow } from './files.ts';
import type { Manifest, Seal } from './manifest.ts';
import { CONFIG, isDerived, MANIFEST, SEAL } from './run-folder.ts';

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
      .map((path) => [path, digestFile(join(dir, path)).sha256]),
  );
  const sealed = new Map(seal?.files.map((file) => [file.path, file.sha256]));
  const sealText = read(SEAL);
  if (sealText !== undefined) digests.set(SEAL, digestText(sealText));
  return {
    manifest,
    seal,
    integrity: {
      ...compare(sealed, digests, manifest, read),
      ...(seal === undefined && { missing: read(SEAL) === undefined ? [SEAL] : [] }),
    },
    sha256Of: (path) =>
      sealed.get(path) ?? (seal === undefined || path === SEAL ? digests.get(path) : undefined),
    has: (path) => existsSync(join(dir, path)),
    read,
  };
}

function compare(
  sealed: ReadonlyMap<string, string>,
  digests: ReadonlyMap<string, string>,
  manifest: Manifest,
  read: (path: string) => string | undefined,
): Integrity {
  const differing = [...sealed].filter(([path, sha256]) => digests.has(path) && digests.get(path) !== sha256);
  const altered = new Set(differing.map(([path]) => path));
  // The manifest names the configuration's hash too, so that a folder without a seal still shows a changed one.
  const config = read(CONFIG);
  if (config !== undefined && digestText(config) !== manifest.configSha256) altered.add(CONFIG);
  // A seal that cannot be read was written whole once: somebody changed it.
  if (sealed.size === 0 && read(SEAL) !== undefined) altered.add(SEAL);
  return {
    missing: [...sealed.keys()].filter((path) => !digests.has(path)),
    altered: [...altered].sort(byCodeUnit),
    unsealed:
      sealed.size === 0 ? [] : [...digests.keys()].filter((path) => path !== SEAL && !sealed.has(path)),
  };
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function parseSeal(text: string | undefined): Seal | undefined {
  try {
    const seal = JSON.parse(text ?? 'null') as Seal | null;
    const isSeal =
      seal?.schema === 'redis-cache-kit/seal/1' &&
      seal.files.length > 0 &&
      seal.files.every((file) => typeof file.path === 'string' && typeof file.sha256 === 'string');
    return isSeal ? seal : undefined;
  } catch {
    return undefined;
  }
}

/** What judging reads of a manifest; the rest is only printed. */
const REQUIRED = {
  runId: 'string',
  kind: 'string',
  kitVersion: 'string',
  startedAt: 'string',
  judgedAt: 'string',
  environment: 'string',
  substrate: 'string',
  profile: 'string',
  seed: 'number',
  configSha256: 'string',
} as const;

function parseManifest(where: string, text: string | undefined): Manifest {
  const hint = 'this is not the evidence of a run, or no longer; run again';
  if (text === undefined) throw unreadable(where, 'the manifest is missing: nothing can be judged', hint);
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw unreadable(where, 'the manifest is not JSON', hint, cause);
  }
  if (value?.schema !== 'redis-cache-kit/run/1') {
    throw unreadable(where, `schema must be 'redis-cache-kit/run/1', not '${String(value?.schema)}'`, hint);
  }
  for (const [name, kind] of Object.entries(REQUIRED)) {
    if (typeof value[name] !== kind) {
      throw unreadable(where, `${name} must be a ${kind}, not ${JSON.stringify(value[name])}`, hint);
    }
  }
  for (const name of ['trials', 'argv', 'departures']) {
    if (!Array.isArray(value[name])) throw unreadable(where, `${name} must be a list`, hint);
  }
  return value as unknown as Manifest;
}

function unreadable(where: string, message: string, hint: string, cause?: unknown): KitError {
  return new KitError(message, { code: 'EVIDENCE_UNREADABLE', where, hint, exitCode: EXIT.UNKNOWN, cause });
}
