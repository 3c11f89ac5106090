/**
 * Writes one tar archive of small files. Pure: the same files give the same bytes, regardless of user and time.
 *
 * The Docker provider copies one file at a time, and mounts every volume for each file (50 files: 2.3 s). One archive
 * needs only one copy.
 */
import { RUN_AS } from './plan.ts';

export interface ArchivedFile {
  /** Relative path of at most 100 bytes, the limit of the oldest tar format, so that every tar can read it. */
  readonly path: string;
  readonly text: string;
}

const BLOCK = 512;

/**
 * Returns an archive in ustar format. Files are sorted by path, have mode 0600, belong to root and have the
 * modification time 0 (1970).
 */
export function tarOf(files: readonly ArchivedFile[]): Buffer {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const entries = sorted.flatMap(({ path, text }) => {
    const content = Buffer.from(text);
    return [headerOf(path, content.length), content, Buffer.alloc(-content.length & (BLOCK - 1))];
  });
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new RangeError(`'${path}' must be at most 100 bytes`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(path, 0);
  header.write(octal(0o600, 7), 100); // mode
  header.write(octal(0, 7), 108); // uid
  header.write(octal(0, 7), 116); // gid
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136); // modification time
  header.write('        ', 148); // the checksum field counts as blanks
  header.write('0', 156); // a regular file
  header.write('ustar\x0000', 257);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
    148,
  );
  return header;
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
