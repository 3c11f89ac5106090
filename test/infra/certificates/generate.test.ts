import { X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../../infra/certificates/generate.ts';

let made: Certificates;
beforeAll(async () => {
  made = await makeCertificates({
    addresses: ['127.61.0.1', '127.0.0.1', 'localhost', '127.0.0.1'],
    environment: 'test',
  });
});

/** Host name for which the handshake succeeded, or the code of the error. */
async function handshake(ca: string, host: string, mutual = false): Promise<string> {
  const key = made.key.reveal();
  const server = createServer({
    key,
    cert: made.cert,
    ca: made.ca,
    requestCert: mutual,
    rejectUnauthorized: mutual,
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  server.on('secureConnection', (socket: TLSSocket) => socket.end(`${socket.authorized}`));
  server.on('tlsClientError', () => undefined);
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host, port, ca, ...(mutual ? { key, cert: made.cert } : {}) });
      socket.on('data', (data) => resolve(String(data)));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    server.close();
  }
}

describe('certificates', () => {
  it('are accepted by Node.js for the addresses that they contain', async () => {
    expect(await handshake(made.ca, '127.0.0.1')).toBe('false');
    expect(await handshake(made.ca, '127.61.0.1')).toBe('false');
  });

  it('are also valid for clients', async () => {
    expect(await handshake(made.ca, '127.0.0.1', true)).toBe('true');
  });

  it('are rejected for a different address, and with a different CA', async () => {
    expect(await handshake(made.ca, '127.61.0.2')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    const other = await makeCertificates({ addresses: ['127.0.0.1'], environment: 'test' });
    expect(await handshake(other.ca, '127.0.0.1')).toMatch(/CERT|UNABLE_TO/);
  });

  it('have the requested expiry date, and are valid from one hour before their creation', async () => {
    const now = new Date('2030-01-01T00:00:00Z');
    const { cert, ca, notAfter } = await makeCertificates({
      addresses: ['h'],
      environment: 'e',
      validDays: 10,
      now,
    });
    expect(notAfter.toISOString()).toBe('2030-01-11T00:00:00.000Z');
    const leaf = new X509Certificate(cert);
    expect(leaf.validFromDate.toISOString()).toBe('2029-12-31T23:00:00.000Z');
    expect(leaf.subjectAltName).toBe('DNS:h');
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(new X509Certificate(ca))).toBe(true);
  });

  it('do not show their keys when printed', () => {
    expect(inspect(made)).not.toContain('PRIVATE KEY');
  });
});
