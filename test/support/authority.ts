/** Certificate authorities and certificates for tests, and handshakes with nodes that use them. */
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import type { Address } from '../../infra/topology.ts';

export interface Issued {
  readonly pem: string;
  readonly key: string;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface CertificateOptions {
  /** Authority that signs; default: the certificate itself. */
  readonly by?: Issued;
  readonly isAuthority?: boolean;
  /** IP addresses and names that the certificate covers. */
  readonly addresses?: readonly string[];
  /** Default: no restriction. */
  readonly purposes?: readonly x509.ExtendedKeyUsage[];
  /** Days until the certificate expires; negative for one that has expired. It became valid two days ago. */
  readonly validDays?: number;
}

export async function issueCertificate(
  name: string,
  { by, isAuthority = false, addresses = [], purposes = [], validDays = 10 }: CertificateOptions = {},
): Promise<Issued> {
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await crypto.subtle.generateKey(signingAlgorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000);
  const names = addresses.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: by?.name ?? name,
    publicKey: keys.publicKey,
    signingKey: (by?.keys ?? keys).privateKey,
    signingAlgorithm,
    notBefore: daysFromNow(-2),
    notAfter: daysFromNow(validDays),
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, undefined, true),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
    ],
  });
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = `${certificate.toString('pem')}\n`;
  return { pem, key: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`, name, keys };
}

/** Issues a certificate for nodes at these addresses. */
export const issueForNodes = (
  by: Issued,
  addresses: readonly string[],
  options: CertificateOptions = {},
): Promise<Issued> =>
  issueCertificate('CN=nodes', {
    ...{ by, addresses, purposes: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth] },
    ...options,
  });

/**
 * Connects to a node with TLS 1.2, whose handshake ends after the node has verified the certificate of the client.
 *
 * @returns the fingerprint of the certificate that the node presents
 * @throws the error of the handshake, if one side rejects the certificate of the other one
 */
export function handshake(address: Address, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...address, ...options, maxVersion: 'TLSv1.2', timeout: 10_000 }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('timeout', () =>
      socket.destroy(new Error(`no handshake with ${address.host}:${address.port}`)),
    );
  });
}
