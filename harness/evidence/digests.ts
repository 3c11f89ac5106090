/**
 * Digests in the manifest: one for each judged file, and one for the manifest itself. Pure.
 *
 * The seal is one file, and anyone who changes a judged file can rewrite the seal as well. In that case, the manifest
 * still has the file's original digest; a manifest that was changed no longer matches the digest that it contains.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { RecordedManifest } from './former-schema.ts';
import type { Digests, Manifest, Seal } from './manifest.ts';

export function digestText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Returns the manifest with its digests. @param files the judged files, without the manifest */
export function withDigests(manifest: Manifest, files: Seal['files']): Manifest {
  const byPath = Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
  return { ...manifest, digests: { files: byPath, manifest: digestOf(manifest, byPath) } };
}

function digestOf(manifest: RecordedManifest, files: Digests['files']): string {
  return digestText(canonicalJson({ ...manifest, digests: { files } }));
}

/**
 * Whether the manifest was changed after its digest was computed.
 * @param text text of the manifest file in the folder
 */
export function isManifestChanged(manifest: RecordedManifest, text: string): boolean {
  const { digests } = manifest;
  if (digests === undefined) return false;
  return text !== canonicalJson(manifest) || digestOf(manifest, digests.files) !== digests.manifest;
}

/**
 * Returns the files whose content does not match the digest in the manifest, or that have no digest there.
 * @param found digests of judged files, by path
 */
export function changedFiles(
  { digests }: RecordedManifest,
  found: ReadonlyMap<string, string>,
): readonly string[] {
  if (digests === undefined) return [];
  return [...found].filter(([path, sha256]) => digests.files[path] !== sha256).map(([path]) => path);
}
