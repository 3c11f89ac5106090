import 'reflect-metadata';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentSchema } from '../../../config/schema.ts';
import { type Certificates, makeCertificates } from '../../../infra/certificates/generate.ts';
import { endOf, type GivenCertificates, readCertificates } from '../../../infra/certificates/given.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { issueCertificate, issueForNodes } from '../../support/authority.ts';
import { singleConfiguration, temporaryStateDir } from '../substrates/local/fixtures.ts';

const ADDRESSES = ['127.0.0.1', 'redis.example'];
const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());
let made: Certificates;
beforeAll(async () => {
  made = await makeCertificates({ addresses: ADDRESSES, environment: 'given', validDays: 100 });
});

let count = 0;
/** Writes the certificate files of an external CA. They are valid except for the given change. */
function given(change: { ca?: string; cert?: string; key?: string; mode?: number } = {}): GivenCertificates {
  count += 1;
  const put = (name: string, text: string, mode: number) => {
    const path = join(state.path, `${count}-${name}`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  return {
    ca: put('ca.crt', change.ca ?? made.ca, 0o644),
    cert: put('node.crt', change.cert ?? made.cert, 0o644),
    key: put('node.key', change.key ?? made.key.reveal(), change.mode ?? 0o600),
  };
}
const refusal = (files: GivenCertificates, addresses = ADDRESSES, now?: Date) => {
  try {
    readCertificates(files, addresses, now);
  } catch (error) {
    return error;
  }
  return undefined;
};
const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000);

describe('provided certificates', () => {
  it('are used unchanged, and keep their expiry date', () => {
    const read = readCertificates(given(), ADDRESSES);
    expect(read).toMatchObject({ ca: made.ca, cert: made.cert });
    expect(read.key.reveal()).toBe(made.key.reveal());
    expect(Math.abs(read.notAfter.getTime() - made.notAfter.getTime())).toBeLessThan(1_000);
    expect(endOf(made.cert)).toEqual(read.notAfter);
  });

  it('are rejected with all reasons in one error that names each file', async () => {
    const other = await makeCertificates({ addresses: ['10.0.0.1'], environment: 'other' });
    const files = given({ cert: other.cert });
    expect(refusal(files)).toMatchObject({
      code: 'CERTIFICATE_INVALID',
      where: files.cert,
      message: [
        `the key in ${files.key} belongs to another certificate`,
        'does not cover 127.0.0.1, redis.example; it covers IP Address:10.0.0.1',
        `was not issued by an authority in ${files.ca}`,
      ].join('; '),
    });
  });

  it('are rejected outside their validity period', () => {
    expect(refusal(given(), ADDRESSES, daysFromNow(101))).toMatchObject({
      message: expect.stringMatching(/^expired on 20.*; its authority expired on 20/),
    });
    expect(refusal(given(), ADDRESSES, daysFromNow(-1))).toMatchObject({
      message: expect.stringContaining('is not valid before 20'),
    });
  });

  it.each([
    ['no file', () => ({ ...given(), cert: '/nowhere/node.crt' }), 'CERTIFICATE_UNREADABLE', 'ENOENT'],
    [
      'a key that is readable by other users',
      () => given({ mode: 0o644 }),
      'CERTIFICATE_KEY_EXPOSED',
      'other users',
    ],
    ['a file that is not a certificate', () => given({ cert: 'DER' }), 'CERTIFICATE_INVALID', 'PEM format'],
    [
      'an invalid certificate block',
      () => given({ ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }),
      'CERTIFICATE_INVALID',
      'only certificates',
    ],
    [
      'a file that is not a key',
      () => given({ key: 'secret text' }),
      'CERTIFICATE_INVALID',
      'must contain a private key',
    ],
    ['a key with a passphrase', () => given({ key: lockedKey() }), 'CERTIFICATE_INVALID', 'passphrase'],
    [
      'an authority certificate instead of a node certificate',
      () => given({ cert: made.ca }),
      'CERTIFICATE_INVALID',
      'an authority',
    ],
  ])('are rejected: %s', (_, files, code, words) => {
    const error = refusal(files());
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(String(error)).not.toContain('secret text');
  });

  it('may include an intermediate authority, and must be valid for servers and clients', async () => {
    const root = await issueCertificate('CN=root', { isAuthority: true });
    const middle = await issueCertificate('CN=middle', { by: root, isAuthority: true });
    const leaf = await issueForNodes(middle, ['redis.example']);
    const files = { ca: root.pem, key: leaf.key };
    expect(refusal(given({ ...files, cert: leaf.pem + middle.pem }), ['redis.example'])).toBeUndefined();
    expect(refusal(given({ ...files, cert: leaf.pem }), ['redis.example'])).toMatchObject({
      message: expect.stringContaining('was not issued by an authority'),
    });
    const purposes = [x509.ExtendedKeyUsage.serverAuth];
    const half = await issueForNodes(root, ['redis.example'], { purposes });
    expect(refusal(given({ ca: root.pem, key: half.key, cert: half.pem }), ['redis.example'])).toMatchObject({
      message: 'its extended key usage lacks clientAuth',
    });
  });
});

describe('an environment with provided certificates', () => {
  const withFiles = (certificates: GivenCertificates) =>
    environmentSchema.parse({
      ...singleConfiguration('given'),
      security: { tls: true, certificates },
    });

  it('runs with the certificates, and clients trust their authority', async () => {
    const covered = await makeCertificates({ addresses: ['127.0.0.1'], environment: 'given' });
    const files = given({ ca: covered.ca, cert: covered.cert, key: covered.key.reveal() });
    const substrate = localSubstrate({ stateDir: state.path, addressing: 'port-per-node' });
    await using environment = await substrate.apply(planTopology(withFiles(files)), { ephemeral: true });
    expect(environment.endpoints.tls?.ca).toBe(covered.ca);
    expect(await (await environment.admin('redis-1')).ping()).toBe('PONG');
  });

  it('does not start with certificates for other addresses, and leaves nothing behind', async () => {
    const files = given(
      await makeCertificates({ addresses: ['10.0.0.1'], environment: 'given' }).then(texts),
    );
    const substrate = localSubstrate({ stateDir: state.path, addressing: 'port-per-node' });
    const topology = planTopology(withFiles(files));
    await expect(substrate.apply(topology, { ephemeral: true })).rejects.toMatchObject({
      code: 'CERTIFICATE_INVALID',
      message: expect.stringContaining('does not cover 127.0.0.1'),
    });
    expect(await substrate.open(topology)).toBeUndefined();
  });

  it('is rejected by the schema if TLS is off', () => {
    const config = { ...singleConfiguration('given'), security: { tls: false, certificates: given() } };
    expect(environmentSchema.safeParse(config).error?.issues[0]?.message).toContain(
      'while security.tls is false',
    );
  });
});

const texts = ({ ca, cert, key }: Certificates) => ({ ca, cert, key: key.reveal() });

function lockedKey(): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
  }).privateKey;
}
