/** An environment with certificates from its user's own authority, whose files a test replaces. */
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cache, sentinelCache } from '../../client/index.ts';
import type { PreparedChange } from '../../infra/operations/rolling/change.ts';
import { roll } from '../../infra/operations/rolling/roll.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { handshake, type Issued } from './authority.ts';
import { PATIENT_LIMITS } from './patient-limits.ts';

/** The files that `security.certificates` of the environment names. */
export class CertificateFiles {
  readonly paths: { readonly ca: string; readonly cert: string; readonly key: string };

  constructor(dir: string) {
    this.paths = { ca: join(dir, 'own-ca.crt'), cert: join(dir, 'own.crt'), key: join(dir, 'own.key') };
  }

  /** Replaces the files. @param key default: the key of the certificate */
  place(authorities: readonly Issued[], certificate: Issued, key = certificate.key): void {
    writeFileSync(this.paths.ca, authorities.map(({ pem }) => pem).join(''));
    writeFileSync(this.paths.cert, certificate.pem);
    writeFileSync(this.paths.key, key, { mode: 0o600 });
  }
}

/** Opens the kit's client with fixed CA certificates, as an application that is not restarted. */
export function openCacheTrusting(
  { endpoints, topology }: Environment,
  authorities: readonly Issued[],
): Cache {
  return sentinelCache({
    ...{ sentinels: endpoints.sentinels, serviceName: endpoints.serviceName, natMap: endpoints.natMap ?? {} },
    namespace: topology.environment.client.namespace,
    ...{ username: endpoints.app.username, password: endpoints.app.password.reveal() },
    sentinelUsername: endpoints.sentinel.username,
    sentinelPassword: endpoints.sentinel.password.reveal(),
    tls: { ca: authorities.map(({ pem }) => pem).join('') },
    ...PATIENT_LIMITS,
  });
}

/** Fingerprints of the certificates that the nodes present to a client that trusts the authorities; each once. */
export async function presentedCertificates(
  environment: Environment,
  authorities: readonly Issued[],
): Promise<readonly string[]> {
  const ca = authorities.map(({ pem }) => pem).join('');
  const status = await environment.status();
  return [...new Set(await Promise.all(status.map(({ address }) => handshake(address, { ca }))))];
}

/**
 * Results of handshakes with every node, without repetition: `accepted`, or the code of the error.
 *
 * @param authority the only authority that the client trusts
 * @param client certificate of the client; default: none
 */
export async function handshakeResults(
  environment: Environment,
  authority: Issued,
  client?: Issued,
): Promise<readonly string[]> {
  const options = { ca: authority.pem, ...(client && { cert: client.pem, key: client.key }) };
  const results = (await environment.status()).map(({ address }) =>
    handshake(address, options).then(
      () => 'accepted',
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    ),
  );
  return [...new Set(await Promise.all(results))];
}

export const fingerprintOf = ({ pem }: Issued): string => new X509Certificate(pem).fingerprint256;

/** Replaces the nodes, then starts the other parts, as `kit apply` does. */
export async function complete(change: PreparedChange) {
  const report = await roll(change, { nodeIds: change.changes.map(({ nodeId }) => nodeId) });
  await change.finish(() => {});
  return report;
}
