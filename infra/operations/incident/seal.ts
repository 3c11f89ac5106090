/**
 * Seal of a collected incident: `manifest.json` contains the SHA-256 of every file and of itself, like the manifest of
 * a run. A hash reveals a change, but not who made it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { sha256Hex } from '../../../config/digest.ts';
import { KitError } from '../../../config/errors.ts';
import { writePrivate } from '../../host/private-files.ts';

const SCHEMA = 'redis-cache-kit/incident/1';
const FILE = 'manifest.json';

export interface IncidentManifest {
  readonly schema: typeof SCHEMA;
  readonly environment: string;
  readonly substrate: string;
  readonly collectedAt: string;
  readonly metricsMinutes: number;
  /** Facts that could not be collected, with the reason. */
  readonly missing: readonly string[];
  readonly digests: { readonly files: Readonly<Record<string, string>>; readonly manifest: string };
}

/** Writes the manifest of a folder. */
export function sealIncident(
  dir: string,
  facts: Omit<IncidentManifest, 'schema' | 'digests'>,
): IncidentManifest {
  const files = digestsBelow(dir);
  const unsealed = { schema: SCHEMA, ...facts, digests: { files } } as const;
  const manifest = { ...unsealed, digests: { files, manifest: sha256Hex(JSON.stringify(unsealed)) } };
  writePrivate(join(dir, FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/**
 * Returns the files that were changed, added or removed since the folder was sealed, including the manifest.
 *
 * @throws KitError `INCIDENT_INVALID` if the folder has no incident manifest
 */
export function changesSinceSeal(dir: string): readonly string[] {
  const manifest = readManifest(dir);
  const { files, manifest: own } = manifest.digests;
  const found = digestsBelow(dir);
  const changed = [...new Set([...Object.keys(files), ...Object.keys(found)])].filter(
    (path) => files[path] !== found[path],
  );
  const isIntact = sha256Hex(JSON.stringify({ ...manifest, digests: { files } })) === own;
  return [...changed.sort(), ...(isIntact ? [] : [FILE])];
}

function readManifest(dir: string): IncidentManifest {
  const path = join(dir, FILE);
  try {
    const manifest = JSON.parse(existsSync(path) ? readFileSync(path, 'utf8') : 'null') as IncidentManifest;
    if (manifest?.schema === SCHEMA && typeof manifest.digests?.files === 'object') return manifest;
  } catch {
    // Invalid JSON results in the same error.
  }
  throw new KitError('must be a folder that kit incident created', {
    code: 'INCIDENT_INVALID',
    where: dir,
    hint: 'pass the folder that contains manifest.json',
  });
}

function digestsBelow(dir: string): Readonly<Record<string, string>> {
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((path) => path !== FILE)
    .sort();
  return Object.fromEntries(paths.map((path) => [path, sha256Hex(readFileSync(join(dir, path)))]));
}
