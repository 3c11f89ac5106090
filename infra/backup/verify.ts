/**
 * Verifies a backup by restoring it: a scratch server loads each file, and its keys and digest must match the manifest.
 * Then every key is copied to a second scratch server, as in a restore, and compared.
 */
import type { BackupPart } from '../../config/backup-manifest.ts';
import { EXIT, KitError } from '../../config/errors.ts';
import type { ScratchServer } from '../redis/scratch-server.ts';
import { type Comparison, compareContents, countKeys, readContents } from './contents.ts';
import { copyKeys } from './copy-keys.ts';
import { damaged, type OpenBackup } from './open.ts';
import { emptyScratch, loadScratch, tooNewForScratch } from './scratch.ts';

export interface VerifyOptions {
  /** Path of the program for the scratch servers. */
  readonly server: string;
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifiedPart {
  readonly file: string;
  /** Number of keys in the file, including keys that have expired since. */
  readonly keys: number;
  /** Number of keys that were restored and compared. */
  readonly compared: number;
}

/** Verifies a backup. @throws KitError `BACKUP_DAMAGED`, `BACKUP_TOO_NEW`, `BACKUP_DIFFERS` */
export async function verifyBackup(
  backup: OpenBackup,
  options: VerifyOptions,
): Promise<readonly VerifiedPart[]> {
  const verified: VerifiedPart[] = [];
  for (const { part, path } of backup.files) {
    options.progress?.(`loading ${part.file}`);
    await using loaded = await loadPart(backup, part, path, options);
    const keys = countKeys((await readContents(loaded.redis)).databases);
    options.progress?.(`restoring ${keys} keys of ${part.file} into a scratch server`);
    await using restored = await emptyScratch(options.server, options.signal);
    await copyKeys(
      loaded.redis,
      { masterOf: () => restored.redis, masters: [restored.redis] },
      { signal: options.signal },
    );
    const comparison = await compareContents(loaded.redis, [restored.redis], {
      signal: options.signal,
      findsAdditional: true,
    });
    if (comparison.different + comparison.additional > 0) throw differs(backup.path, part, comparison);
    verified.push({ file: part.file, keys, compared: comparison.compared });
  }
  return verified;
}

/**
 * Loads a file into a scratch server and compares its contents with the manifest.
 *
 * @throws KitError `BACKUP_DAMAGED`, `BACKUP_TOO_NEW`
 */
export async function loadPart(
  { path: archive, manifest }: OpenBackup,
  part: BackupPart,
  path: string,
  { server, signal }: VerifyOptions,
): Promise<ScratchServer> {
  const scratch = await loadScratch(server, path, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    if (tooNewForScratch(error)) {
      const made = `${manifest.server.family} ${manifest.server.version}`;
      throw tooNew(archive, part.rdbVersion, `${server} does not read it`, made);
    }
    throw damaged(archive, `${part.file} cannot be loaded: ${(error as Error).message}`);
  });
  try {
    if (part.contents === undefined) return scratch;
    const found = await readContents(scratch.redis);
    const { digest, digestBy, databases } = part.contents;
    if (JSON.stringify(databases) !== JSON.stringify(found.databases))
      throw damaged(archive, `the key counts of ${part.file} do not match the manifest`);
    if (digestBy === found.digestBy && digest !== found.digest)
      throw damaged(archive, `the digest of the keys in ${part.file} does not match the manifest`);
    return scratch;
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

export function tooNew(where: string, rdbVersion: number, why: string, made: string): KitError {
  return new KitError(`has RDB version ${rdbVersion} (${made}): ${why}`, {
    code: 'BACKUP_TOO_NEW',
    exitCode: EXIT.NO_GO,
    where,
    hint: 'use a server that is at least as new as the one that made the backup; set KIT_SERVER for the scratch server',
  });
}

function differs(where: string, part: BackupPart, { different, additional, examples }: Comparison): KitError {
  return new KitError(
    `${part.file}: ${different} keys differ after a restore, ${additional} are additional (${examples.join(', ')})`,
    {
      code: 'BACKUP_DIFFERS',
      exitCode: EXIT.NO_GO,
      where,
      hint: 'use an older backup, and report this as a defect of the kit',
    },
  );
}
