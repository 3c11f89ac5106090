/** The certificates of an environment on disk: made once for its addresses, read again by later commands. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from '../tls.ts';
import { makePrivateDir, writePrivate } from './files.ts';
import type { TlsFiles } from './site.ts';

/** The CA's key is not kept: nothing signs a second time. Clients get the CA alone, they prove themselves by password. */
export async function provideTls(
  environment: string,
  environmentDir: string,
  hosts: readonly string[],
): Promise<TlsFiles> {
  const dir = join(environmentDir, 'tls');
  const paths = { ca: join(dir, 'ca.crt'), cert: join(dir, 'node.crt'), key: join(dir, 'node.key') };
  if (!existsSync(paths.key)) {
    makePrivateDir(dir);
    const made = await makeCertificates({ environment, addresses: [...new Set(hosts)] });
    writePrivate(paths.ca, made.ca);
    writePrivate(paths.cert, made.cert);
    writePrivate(paths.key, made.key.reveal());
  }
  return { paths, material: { ca: readFileSync(paths.ca, 'utf8') } };
}
