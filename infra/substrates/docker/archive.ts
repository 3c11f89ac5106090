/**
 * Writes one tar archive of small files. Pure: the same files give the same bytes, regardless of user and time.
 *
 * The Docker provider copies one file at a time, and mounts every volume for each file (50 files: 2.3 s). One archive
 * needs only one copy.
 */
import { BLOCK_BYTES, tarHeader, tarPadding } from '../../host/tar-header.ts';
import { RUN_AS } from './plan.ts';

export interface ArchivedFile {
  /** Relative path of at most 100 bytes. */
  readonly path: string;
  readonly text: string;
}

/**
 * Returns an archive in ustar format. Files are sorted by path, have mode 0600, belong to root and have the
 * modification time 0 (1970).
 */
export function tarOf(files: readonly ArchivedFile[]): Buffer {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const entries = sorted.flatMap(({ path, text }) => {
    const content = Buffer.from(text);
    return [tarHeader(path, content.length), content, tarPadding(content.length)];
  });
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK_BYTES)]);
}

/**
 * Script of the init container: unpacks the archive over the configuration volumes, which are mounted below /conf, and
 * deletes it. The exited container remains until the environment is destroyed, so the archive must not stay in it.
 */
export const UNPACK = `trap 'rm -f /conf.tar' EXIT; set -e
tar -xf /conf.tar -C /conf
chown -R ${RUN_AS} /conf
chmod -R u=rwX,go= /conf`;

/**
 * Continuation of the script for engines with services that store data: gives their volumes, which are mounted below
 * /stores, to the servers. It leaves the content alone, which a running server may be changing.
 *
 * The engine gives an empty volume the owner of the directory in the image that it covers, so the volume must not be
 * empty. The provider has an option against that (`volume_options.no_copy`), but with it requires Docker 26 or later.
 */
export const OWN_STORES = `for store in /stores/*; do : >"$store/.kit"; done
chown ${RUN_AS} /stores/*
chmod 0700 /stores/*`;
