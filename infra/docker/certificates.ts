/**
 * The certificates of an environment on Docker: those that were given, else made once and kept. What clients may know (the
 * authority, and when the nodes' certificate ends) is kept beside them in plain PEM.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCertificates } from '../given-certificates.ts';
import { makeCertificates } from '../tls.ts';
import type { DockerPlan } from './plan.ts';
import { environmentDir, writeSecret } from './state-files.ts';

export interface TlsTexts {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
/** Sentinel cannot load a new certificate while it runs: a deploy renews with this much time to spare. */
const RENEW_DAYS = 30;

const tlsDir = (stateDir: string, name: string): string => join(environmentDir(stateDir, name), 'tls');

/** @throws KitError where given certificates cannot serve this environment */
export async function certificates(plan: DockerPlan, stateDir: string): Promise<TlsTexts> {
  const { name, security } = plan.environment;
  const dir = tlsDir(stateDir, name);
  const nodes = plan.nodes.map(({ address }) => address.host);
  // From this host every node is reached by its published port, from the others by its own address.
  const texts =
    security.certificates === undefined
      ? await made(name, dir, ['127.0.0.1', 'localhost', ...nodes])
      : given(readCertificates(security.certificates, ['127.0.0.1', ...nodes]));
  writeSecret(join(dir, 'ca.crt'), texts.ca);
  writeSecret(join(dir, 'node.crt'), texts.cert);
  return texts;
}

const given = ({ ca, cert, key }: ReturnType<typeof readCertificates>): TlsTexts => ({
  ca,
  cert,
  key: key.reveal(),
});

/** Made once, and again when the addresses change or the end is near. */
async function made(name: string, dir: string, addresses: readonly string[]): Promise<TlsTexts> {
  const path = join(dir, 'made.json');
  if (existsSync(path)) {
    const kept: { addresses: string[]; notAfter: string } & TlsTexts = JSON.parse(readFileSync(path, 'utf8'));
    const daysLeft = (Date.parse(kept.notAfter) - Date.now()) / DAY_MS;
    if (daysLeft > RENEW_DAYS && kept.addresses.join() === addresses.join()) return kept;
  }
  const fresh = await makeCertificates({ addresses, environment: name });
  const texts: TlsTexts = { ca: fresh.ca, cert: fresh.cert, key: fresh.key.reveal() };
  writeSecret(path, `${JSON.stringify({ addresses, notAfter: fresh.notAfter.toISOString(), ...texts })}\n`);
  return texts;
}

/** The CA that clients of an environment trust, if it has TLS and was rendered. */
export function clientCa(stateDir: string, name: string): string | undefined {
  const path = join(tlsDir(stateDir, name), 'ca.crt');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
