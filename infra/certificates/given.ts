/**
 * Reads certificates that an external CA issued, and checks them against the environment before any node starts. A node
 * that cannot use its certificate reports the reason only in its log, and its clients report even less.
 *
 * three paths + the addresses of all nodes ─▶ PEM texts, or one error with every reason
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { KitError } from '../../config/errors.ts';
import { Secret } from '../../config/secret.ts';

/** Paths of PEM files. */
export interface GivenCertificates {
  readonly ca: string;
  /** Certificate of the nodes, followed by intermediate certificates, if any. */
  readonly cert: string;
  readonly key: string;
}

export interface ReadCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: Secret;
  readonly notAfter: Date;
}

/**
 * Purposes that a certificate must have. A node is a server to clients and a client to its master, so OpenSSL requires
 * both purposes if a certificate restricts its purposes.
 */
const PURPOSES = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const;

/** Reads the certificates. @param addresses IP addresses and names to which clients and nodes connect */
export function readCertificates(
  given: GivenCertificates,
  addresses: readonly string[],
  now = new Date(),
): ReadCertificates {
  const [ca, cert, key] = [
    readGiven(given.ca, 'ca'),
    readGiven(given.cert, 'cert'),
    readGiven(given.key, 'key'),
  ];
  if ((statSync(given.key).mode & 0o007) !== 0) {
    throw new KitError('the private key must not be readable by other users', {
      code: 'CERTIFICATE_KEY_EXPOSED',
      where: given.key,
      hint: `chmod o-rwx ${given.key}; if it was exposed, reissue the certificate`,
    });
  }
  const authorities = certificatesOf(ca, given.ca);
  const [leaf, ...intermediates] = certificatesOf(cert, given.cert);
  if (leaf === undefined) throw invalidCertificate(given.cert, ['must contain a certificate']);
  const privateKey = privateKeyOf(key, given.key);
  const problems = [
    ...(leaf.checkPrivateKey(privateKey) ? [] : [`the key in ${given.key} belongs to another certificate`]),
    ...(leaf.ca ? ['must be the certificate of a node, not of an authority'] : []),
    ...checkValidity(leaf, now),
    ...checkPurposes(leaf),
    ...findUncovered(leaf, addresses),
    ...checkChain(leaf, intermediates, authorities, given.ca, now),
  ];
  if (problems.length > 0) throw invalidCertificate(given.cert, problems);
  return { ca, cert, key: new Secret(key), notAfter: new Date(leaf.validTo) };
}

/** Returns the expiry date of the first certificate in a PEM text. */
export const endOf = (pem: string): Date => new Date(new X509Certificate(pem).validTo);

function checkValidity(certificate: X509Certificate, now: Date): readonly string[] {
  const validToDate = new Date(certificate.validTo);
  const validFromDate = new Date(certificate.validFrom);
  if (validToDate <= now) return [`expired on ${validToDate.toISOString()}`];
  return validFromDate > now ? [`is not valid before ${validFromDate.toISOString()}`] : [];
}

function checkPurposes(leaf: X509Certificate): readonly string[] {
  // A certificate without the extended key usage extension is valid for every purpose.
  const named = leaf.keyUsage as readonly string[] | undefined;
  if (named === undefined) return [];
  const lacking = Object.entries(PURPOSES).filter(([, oid]) => !named.includes(oid));
  return lacking.length === 0
    ? []
    : [`its extended key usage lacks ${lacking.map(([name]) => name).join(' and ')}`];
}

function findUncovered(leaf: X509Certificate, addresses: readonly string[]): readonly string[] {
  const missing = [...new Set(addresses)].filter(
    (address) => (isIP(address) === 0 ? leaf.checkHost(address) : leaf.checkIP(address)) === undefined,
  );
  const has = leaf.subjectAltName ?? 'nothing';
  return missing.length === 0 ? [] : [`does not cover ${missing.join(', ')}; it covers ${has}`];
}

/** Verifies the chain up to a CA that clients are configured to trust. */
function checkChain(
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  caPath: string,
  now: Date,
): readonly string[] {
  const issued = (one: X509Certificate, by: X509Certificate) =>
    one.checkIssued(by) && one.verify(by.publicKey);
  const seen = new Set<X509Certificate>();
  let current = leaf;
  for (;;) {
    const child = current;
    const root = authorities.find((each) => issued(child, each));
    if (root !== undefined) return checkValidity(root, now).map((problem) => `its authority ${problem}`);
    const next = intermediates.find((each) => !seen.has(each) && issued(child, each));
    if (next === undefined) return [`was not issued by an authority in ${caPath}`];
    const [late] = checkValidity(next, now);
    if (late !== undefined) return [`an intermediate certificate ${late}`];
    seen.add(next);
    current = next;
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesOf(text: string, path: string): X509Certificate[] {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw invalidCertificate(path, ['must contain a certificate in PEM format']);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw invalidCertificate(path, ['must contain only certificates']);
  }
}

function privateKeyOf(text: string, path: string): KeyObject {
  if (/ENCRYPTED/.test(text)) throw invalidCertificate(path, ['must not be protected by a passphrase']);
  try {
    return createPrivateKey(text);
  } catch {
    // The parser's message may quote the key.
    throw invalidCertificate(path, ['must contain a private key in PEM format']);
  }
}

function readGiven(path: string, what: keyof GivenCertificates): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new KitError(`cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      code: 'CERTIFICATE_UNREADABLE',
      where: path,
      hint: `security.certificates.${what} of the environment must name a readable file`,
    });
  }
}

function invalidCertificate(path: string, problems: readonly string[]): KitError {
  return new KitError(problems.join('; '), {
    code: 'CERTIFICATE_INVALID',
    where: path,
    hint: 'reissue the certificate, or omit security.certificates: the kit then creates its own',
  });
}
