/**
 * Certificates of an environment on Docker: either given by the user, or generated once and stored. The public parts
 * (the CA certificate, and the expiry of the nodes' certificate) are stored next to the private ones in plain PEM.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { makeCertificates } from '../../certificates/generate.ts';
import { readCertificates } from '../../certificates/given.ts';
import { writePrivate } from '../../host/private-files.ts';
import type { DockerPlan } from './plan.ts';
import { environmentDir } from './state-files.ts';

export interface TlsTexts {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
/**
 * Remaining validity, in days, below which a deploy renews the certificate. Sentinel cannot load a new certificate at
 * run time.
 */
export const RENEW_DAYS = 30;

const tlsDir = (stateDir: string, name: string): string => join(environmentDir(stateDir, name), 'tls');

/**
 * Returns the certificates for a deploy.
 * @throws KitError if the given certificates cannot be used for this environment
 */
export async function provideCertificates(plan: DockerPlan, stateDir: string): Promise<TlsTexts> {
  const { name } = plan.environment;
  const dir = tlsDir(stateDir, name);
  let texts = currentCertificates(plan, stateDir);
  if (texts === undefined || renewalDue(plan, stateDir) !== undefined) {
    const fresh = await makeCertificates({ addresses: certified(plan), environment: name });
    texts = { ca: fresh.ca, cert: fresh.cert, key: fresh.key.reveal() };
    const kept: Kept = { addresses: certified(plan), notAfter: fresh.notAfter.toISOString(), ...texts };
    writePrivate(madeFile(stateDir, name), `${JSON.stringify(kept)}\n`);
  }
  writePrivate(caFile(stateDir, name), texts.ca);
  writePrivate(join(dir, 'node.crt'), texts.cert);
  return texts;
}

/**
 * Returns the certificates of the last deploy, even shortly before their expiry; undefined if the next deploy generates
 * the first certificates, or new ones for other addresses. Read-only: a renewal here would give clients a CA that no
 * node uses yet.
 *
 * @throws KitError if the given certificates cannot be used for this environment
 */
export function currentCertificates(plan: DockerPlan, stateDir: string): TlsTexts | undefined {
  const { name, security } = plan.environment;
  if (security.certificates !== undefined) {
    const addresses = certified(plan).filter((address) => isIP(address) !== 0);
    const { ca, cert, key } = readCertificates(security.certificates, addresses);
    return { ca, cert, key: key.reveal() };
  }
  const kept = readMade(stateDir, name);
  return kept?.addresses.join() === certified(plan).join() ? kept : undefined;
}

/** Files in a configuration volume. */
const FILES = { ca: 'tls/ca.crt', cert: 'tls/node.crt', key: 'tls/node.key' } as const;

/** Returns the files of the certificates, with their texts. */
export function tlsTexts(tls: TlsTexts | undefined): readonly (readonly [string, string])[] {
  if (tls === undefined) return [];
  return [
    [FILES.ca, tls.ca],
    [FILES.cert, tls.cert],
    [FILES.key, tls.key],
  ];
}

/**
 * Returns the certificates in the files of the last deploy; undefined if another checkout deployed the environment.
 * They differ from those of the next deploy if the user has replaced the files since, or if a renewal is due.
 */
export function deployedCertificates(
  { environment, nodes }: DockerPlan,
  stateDir: string,
): TlsTexts | undefined {
  const dir = join(environmentDir(stateDir, environment.name), 'files', nodes[0]?.configVolume ?? '');
  if (!Object.values(FILES).every((file) => existsSync(join(dir, file)))) return undefined;
  const textOf = (file: string) => readFileSync(join(dir, file), 'utf8');
  return { ca: textOf(FILES.ca), cert: textOf(FILES.cert), key: textOf(FILES.key) };
}

/** Returns the expiry date of the generated certificates, if the next deploy renews them. */
export function renewalDue({ environment }: DockerPlan, stateDir: string): string | undefined {
  const { tls, certificates: given } = environment.security;
  const kept = tls && given === undefined ? readMade(stateDir, environment.name) : undefined;
  const late = kept !== undefined && Date.parse(kept.notAfter) - Date.now() <= RENEW_DAYS * DAY_MS;
  return late ? kept.notAfter.slice(0, 10) : undefined;
}

interface Kept extends TlsTexts {
  readonly addresses: readonly string[];
  readonly notAfter: string;
}

const madeFile = (stateDir: string, name: string): string => join(tlsDir(stateDir, name), 'made.json');

function readMade(stateDir: string, name: string): Kept | undefined {
  const path = madeFile(stateDir, name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : undefined;
}

/**
 * Returns the names and addresses that a certificate must cover: this host reaches a node through its published port,
 * other nodes use its address, and the exporter also uses its names.
 */
const certified = ({ nodes }: DockerPlan): readonly string[] => [
  ...['127.0.0.1', 'localhost'],
  // Several nodes may have the address of the same host.
  ...new Set(nodes.map(({ address }) => address.host)),
  ...nodes.flatMap(({ id, container }) => [id, container]),
];

/** Returns the path of the CA certificate that clients of an environment trust. */
export const caFile = (stateDir: string, name: string): string => join(tlsDir(stateDir, name), 'ca.crt');

/**
 * Returns the CA certificate that clients of an environment trust, if the environment uses TLS and has been rendered.
 */
export function clientCa(stateDir: string, name: string): string | undefined {
  const path = caFile(stateDir, name);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
