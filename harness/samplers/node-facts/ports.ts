/**
 * Determines which protocols a port accepts: plain text, and each version of TLS separately, with the negotiated
 * cipher. Sends only handshakes and PING, which a node refuses if the client is not authenticated.
 */
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import type { Address } from '../../../infra/topology.ts';

/**
 * Time limit, in ms: enough for a handshake on a busy machine. A port that drops packets delays the probe by this time,
 * but only once.
 */
const BOUND_MS = 5_000;

const VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/**
 * Ciphers to offer, with OpenSSL's security level 0, so that the result shows the limits of the server and not those of
 * this client.
 */
const ANY_CIPHER = 'ALL:@SECLEVEL=0';
/** Ciphers without encryption, or without a certificate. */
const WORTHLESS_CIPHERS = 'eNULL:aNULL:@SECLEVEL=0';

/**
 * Returns the field `plain` and, with TLS, one field per version and `worthless-ciphers`. The values are `refused`,
 * `accepted …` or `no answer`.
 */
export async function portFields(address: Address, isTls: boolean): Promise<Record<string, string>> {
  const probes: readonly (readonly [string, Promise<string>])[] = [
    ['plain', plainText(address)],
    ...(isTls
      ? [
          ...VERSIONS.map(
            (version) => [version, tryHandshake(address, version, version, ANY_CIPHER)] as const,
          ),
          ['worthless-ciphers', tryHandshake(address, 'TLSv1', 'TLSv1.2', WORTHLESS_CIPHERS)] as const,
        ]
      : []),
  ];
  return Object.fromEntries(
    await Promise.all(probes.map(async ([name, probe]) => [name, await probe] as const)),
  );
}

/** Returns how a server replies to a line of text. A TLS port closes the connection instead. */
export function plainText({ host, port }: Address): Promise<string> {
  return socketResult((settle) => {
    const socket = connectPlain({ host, port }, () => socket.write('PING\r\n'));
    socket.on('data', (data) => settle(/^[+-]/.test(data.toString('latin1')) ? 'accepted' : 'refused'));
    socket.on('close', () => settle('refused'));
    socket.on('error', () => settle('refused'));
    return socket;
  });
}

function tryHandshake(
  { host, port }: Address,
  minVersion: SecureVersion,
  maxVersion: SecureVersion,
  ciphers: string,
): Promise<string> {
  return socketResult((settle) => {
    const options = { host, port, minVersion, maxVersion, ciphers, rejectUnauthorized: false };
    const socket = connectTls(options, () => settle(`accepted ${socket.getCipher().name}`));
    socket.on('close', () => settle('refused'));
    socket.on('error', () => settle('refused'));
    return socket;
  });
}

function socketResult(open: (settle: (outcome: string) => void) => { destroy(): void }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('no answer'), BOUND_MS);
  const socket = open(resolve);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
