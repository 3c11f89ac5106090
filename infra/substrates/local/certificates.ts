/**
 * Certificates of an environment on disk: either provided by the user, or generated for its addresses. Written once,
 * for a new environment. Later commands read them again, because running nodes have loaded them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { makeCertificates } from '../../certificates/generate.ts';
import { readCertificates } from '../../certificates/given.ts';
import { makePrivateDir, writePrivate } from '../../host/private-files.ts';
import type { TlsFiles } from './local-context.ts';

/**
 * Provides the certificates. The key of the CA is not stored, because it signs only once. Clients get only the CA
 * certificate, and authenticate by password.
 */
export async function provideTls(
  { name, security }: Pick<EnvironmentConfig, 'name' | 'security'>,
  environmentDir: string,
  hosts: readonly string[],
): Promise<TlsFiles> {
  const dir = join(environmentDir, 'tls');
  const paths = { ca: join(dir, 'ca.crt'), cert: join(dir, 'node.crt'), key: join(dir, 'node.key') };
  if (!existsSync(paths.key)) {
    const addresses = [...new Set(hosts)];
    const { ca, cert, key } =
      security.certificates === undefined
        ? await makeCertificates({ environment: name, addresses })
        : readCertificates(security.certificates, addresses);
    makePrivateDir(dir);
    writePrivate(paths.ca, ca);
    writePrivate(paths.cert, cert);
    writePrivate(paths.key, key.reveal());
  }
  return { paths, material: { ca: readFileSync(paths.ca, 'utf8') } };
}

/**
 * Reads the user's certificates again, and returns a function that installs them for the next start of a node;
 * undefined if the nodes already have these certificates, or if the kit generated the certificates.
 *
 * @throws KitError if the files cannot be used for this environment
 */
export function renewedCertificates(
  { security }: Pick<EnvironmentConfig, 'security'>,
  { paths }: TlsFiles,
  hosts: readonly string[],
): { readonly texts: readonly string[]; readonly write: () => void } | undefined {
  if (security.certificates === undefined) return undefined;
  const { ca, cert, key } = readCertificates(security.certificates, [...new Set(hosts)]);
  const files = [
    [paths.ca, ca],
    [paths.cert, cert],
    [paths.key, key.reveal()],
  ] as const;
  if (files.every(([path, text]) => existsSync(path) && readFileSync(path, 'utf8') === text))
    return undefined;
  return {
    texts: files.map(([, text]) => text),
    write: () => {
      for (const [path, text] of files) writePrivate(path, text);
    },
  };
}
