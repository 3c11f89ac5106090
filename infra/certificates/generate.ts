/**
 * Generates a private CA and one certificate for the nodes of an environment, in memory (ECDSA P-256, which Redis,
 * Node's `tls` and OpenSSL accept). The certificate serves both ends of a link, since a node is a server to clients and
 * a client to its master. Left out: files and their modes, which the substrate handles, and renewal.
 */
// The algorithm registry of `@peculiar/x509` needs decorator metadata at import, so this import must be first.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { Secret } from '../../config/secret.ts';

export interface CertificateRequest {
  /** IP addresses and names of all nodes; they become subject alternative names. */
  readonly addresses: readonly string[];
  /** Name of the environment. It becomes part of the subject, for information only. */
  readonly environment: string;
  /** Validity in days; default 825, the maximum that clients commonly accept. */
  readonly validDays?: number;
  /** Start of the validity; default now. */
  readonly now?: Date;
}

/** PEM texts. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: Secret;
  readonly notAfter: Date;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Time, in ms, by which the start of the validity is backdated, to tolerate clock differences between hosts. */
const BACKDATE_MS = 3_600_000;

/** Creates a CA and a certificate that it signs. The key of the CA is not kept: a renewal creates another CA. */
export async function makeCertificates(request: CertificateRequest): Promise<Certificates> {
  const now = request.now ?? new Date();
  const notBefore = new Date(now.getTime() - BACKDATE_MS);
  const notAfter = new Date(now.getTime() + (request.validDays ?? 825) * DAY_MS);
  const caKeys = await makeKeys();
  const caName = `CN=redis-cache-kit ${request.environment} CA`;
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: caName,
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const keys = await makeKeys();
  const cert = await x509.X509CertificateGenerator.create({
    subject: `CN=redis-cache-kit ${request.environment}`,
    issuer: caName,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore,
    notAfter,
    extensions: await leafExtensions(request.addresses, keys.publicKey, caKeys.publicKey),
  });
  return {
    ca: `${ca.toString('pem')}\n`,
    cert: `${cert.toString('pem')}\n`,
    key: await pemKey(keys.privateKey),
    notAfter,
  };
}

async function leafExtensions(
  addresses: readonly string[],
  own: webcrypto.CryptoKey,
  issuer: webcrypto.CryptoKey,
): Promise<x509.Extension[]> {
  const names = [...new Set(addresses)].map(
    (value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const,
  );
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension(names),
    await x509.SubjectKeyIdentifierExtension.create(own),
    await x509.AuthorityKeyIdentifierExtension.create(issuer),
  ];
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemKey(key: webcrypto.CryptoKey): Promise<Secret> {
  const der = await crypto.subtle.exportKey('pkcs8', key);
  return new Secret(`${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`);
}
