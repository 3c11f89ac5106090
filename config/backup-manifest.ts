/**
 * `manifest.json` of a backup: contents, source node, position in the replication stream, and digests of the contents.
 * `kit backup` writes it, and it is checked before anything is restored.
 */
import { z } from 'zod';
import { EXIT, KitError } from './errors.ts';

export const BACKUP_SCHEMA = 'redis-cache-kit/backup/1';

const count = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const hex = z.string().regex(/^[0-9a-f]+$/);

const contentsSchema = z.strictObject({
  /** Number of keys in each database, by database number. */
  databases: z.record(z.string().regex(/^\d+$/), z.strictObject({ keys: count, expiring: count })),
  /** DEBUG DIGEST of all keys, which does not depend on their order. */
  digest: z.string().regex(/^[0-9a-f]{40}$/),
  /** Server that computed the digest; recorded because the digest of some types differs between versions. */
  digestBy: z.string(),
  libraries: z.array(z.string()),
});

const partSchema = z.strictObject({
  file: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,90}$/),
  node: z.string(),
  role: z.enum(['master', 'replica']),
  /** Position in the replication stream: the backup contains every write up to this offset, and no later write. */
  replicationId: z.string().regex(/^[0-9a-f]{40}$/),
  replicationOffset: count,
  rdbVersion: count,
  /** Size and digest of the stored file, after encryption if the backup is encrypted. */
  bytes: count,
  sha256,
  slots: z.array(z.tuple([count, count])).optional(),
  /** Contents of the file; absent if no server on this machine could load the file. */
  contents: contentsSchema.optional(),
});

const manifestSchema = z.strictObject({
  schema: z.literal(BACKUP_SCHEMA),
  environment: z.string(),
  kind: z.enum(['single', 'sentinel', 'cluster']),
  substrate: z.string(),
  createdAt: z.iso.datetime(),
  server: z.strictObject({ family: z.enum(['redis', 'valkey']), version: z.string() }),
  encryption: z.strictObject({ algorithm: z.literal('AES-256-GCM'), keyCheck: hex }).optional(),
  parts: z.array(partSchema).min(1),
  /** SHA-256 of the other fields; with a key, their HMAC. */
  seal: sha256,
});

export type BackupManifest = z.infer<typeof manifestSchema>;
export type BackupPart = z.infer<typeof partSchema>;
export type BackupContents = z.infer<typeof contentsSchema>;

/**
 * Parses a manifest.
 *
 * @param where path of the file, for error messages
 * @throws KitError `BACKUP_OTHER_VERSION`, `BACKUP_DAMAGED`
 */
export function parseBackupManifest(text: string, where: string): BackupManifest {
  const value = parseJson(text);
  const schema = value !== null && typeof value === 'object' && 'schema' in value ? value.schema : undefined;
  if (typeof schema === 'string' && schema !== BACKUP_SCHEMA) {
    throw new KitError(`has format '${schema}'; this version of the kit reads '${BACKUP_SCHEMA}'`, {
      code: 'BACKUP_OTHER_VERSION',
      exitCode: EXIT.NO_GO,
      where,
      hint: 'restore the backup with the version of the kit that created it',
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const paths = parsed.error.issues.map((issue) => issue.path.join('.') || 'whole file');
  throw new KitError(`the manifest is damaged (${[...new Set(paths)].join(', ')})`, {
    code: 'BACKUP_DAMAGED',
    exitCode: EXIT.NO_GO,
    where,
    hint: 'use another copy of this backup, or an older backup',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
