/**
 * Certificates of an environment on disk: either provided by the user, or generated for its addresses. Written for a
 * new environment, and by a rolling change if the user's files have changed. Other commands read them, because running
 * nodes have loaded them.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { makeCertificates } from '../../certificates/generate.ts';
import { readCertificates } from '../../certificates/given.ts';
import { makePrivateDir, writePrivate } from '../../host/private-files.ts';
import type { TlsFiles } from './local-context.ts';

const KINDS = ['ca', 'cert', 'key'] as const;

/** PEM texts. */
export type CertificateTexts = Readonly<Record<(typeof KINDS)[number], string>>;

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

export interface RenewedCertificates {
  readonly texts: CertificateTexts;
  /** Installs the certificates for the next start of a node. */
  readonly write: () => void;
}

/**
 * Reads the user's certificates again, because they may have been renewed; undefined if the kit generated the
 * certificates.
 *
 * @throws KitError if the files cannot be used for this environment
 */
export function renewedCertificates(
  { security }: Pick<EnvironmentConfig, 'security'>,
  { paths }: TlsFiles,
  hosts: readonly string[],
): RenewedCertificates | undefined {
  if (security.certificates === undefined) return undefined;
  const { ca, cert, key } = readCertificates(security.certificates, [...new Set(hosts)]);
  const texts = { ca, cert, key: key.reveal() };
  return {
    texts,
    write() {
      if (KINDS.some((kind) => textAt(paths[kind]) !== texts[kind])) writePrivate(outdatedParts(paths), '');
      for (const kind of KINDS) writePrivate(paths[kind], texts[kind]);
    },
  };
}

/** Returns the certificates with which the next node starts; a missing file is an empty text. */
export function installedCertificates({ paths }: TlsFiles): CertificateTexts {
  return { ca: textAt(paths.ca), cert: textAt(paths.cert), key: textAt(paths.key) };
}

/** Path of a file that exists while the watchdog and other parts may still use the previous CA certificates. */
const outdatedParts = (paths: TlsFiles['paths']): string => join(dirname(paths.ca), 'parts-outdated');

export const arePartsOutdated = ({ paths }: TlsFiles): boolean => existsSync(outdatedParts(paths));

/** Records that all parts have been started with the installed certificates. */
export const recordPartsRenewed = ({ paths }: TlsFiles): void =>
  rmSync(outdatedParts(paths), { force: true });

const textAt = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
