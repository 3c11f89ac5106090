/**
 * Certificates from the user's own authority on local processes: renewal, change of the authority, and files that
 * cannot be used. One client, which trusts both authorities, is in use during all changes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cache } from '../../../../client/index.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import type { PreparedChange } from '../../../../infra/operations/rolling/change.ts';
import { roll } from '../../../../infra/operations/rolling/roll.ts';
import { switchover } from '../../../../infra/operations/switchover.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { nodesOf, planTopology } from '../../../../infra/topology.ts';
import { type Issued, issueCertificate, issueForNodes } from '../../../support/authority.ts';
import { ContinuousUse } from '../../../support/continuous-use.ts';
import {
  CertificateFiles,
  complete,
  fingerprintOf,
  handshakeResults,
  openCacheTrusting,
  presentedCertificates,
} from '../../../support/own-certificates.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { clusterConfiguration, configuration, temporaryStateDir } from '../../substrates/local/fixtures.ts';

const ADDRESSES = ['127.0.0.1'];
/** One per change of the certificates of all nodes, and one between two changes. */
const SWITCHOVERS = 5;
const state = temporaryStateDir();
const files = new CertificateFiles(state.path);
const substrate = localSubstrate({ stateDir: state.path, addressing: 'port-per-node' });
const base = configuration('own-authority');
const topology = planTopology(
  environmentSchema.parse({
    ...base,
    security: { tls: true, certificates: files.paths },
    // Keeps a busy machine from causing a failover or a rejected write.
    redis: { ...base.redis, minReplicasMaxLagSeconds: 20 },
    sentinel: { ...base.sentinel, downAfterMs: 10_000 },
  }),
);
const ids = nodesOf(topology).map(({ id }) => id);

let authority: Issued;
let newAuthority: Issued;
/** Certificates of the nodes, in the order of their use. The last one is issued by the new authority. */
let original: Issued;
let renewed: Issued;
let replaced: Issued;
let environment: Environment;
let cache: Cache;
let use: ContinuousUse;

beforeAll(async () => {
  authority = await issueCertificate('CN=authority', { isAuthority: true });
  newAuthority = await issueCertificate('CN=new authority', { isAuthority: true });
  original = await issueForNodes(authority, ADDRESSES);
  renewed = await issueForNodes(authority, ADDRESSES);
  replaced = await issueForNodes(newAuthority, ADDRESSES);
  files.place([authority], original);
  environment = await substrate.apply(topology, { ephemeral: true });
  cache = openCacheTrusting(environment, [authority, newAuthority]);
  use = new ContinuousUse(cache);
  await use.more(50);
});

afterAll(async () => {
  await use?.stop();
  await cache?.close();
  await environment?.[Symbol.asyncDispose]();
  state[Symbol.dispose]();
});

describe('certificates that cannot be used', () => {
  it.each([
    [
      'a key of another certificate',
      () => files.place([authority], renewed, original.key),
      { code: 'CERTIFICATE_INVALID', message: expect.stringContaining('belongs to another certificate') },
    ],
    [
      'an expired certificate',
      async () => files.place([authority], await issueForNodes(authority, ADDRESSES, { validDays: -1 })),
      { code: 'CERTIFICATE_INVALID', message: expect.stringMatching(/^expired on 20/) },
    ],
    [
      'a certificate for other addresses',
      async () => files.place([authority], await issueForNodes(authority, ['10.0.0.1'])),
      { code: 'CERTIFICATE_INVALID', message: expect.stringContaining('does not cover 127.0.0.1') },
    ],
    [
      'a certificate that was not issued by an authority in the CA file',
      () => files.place([authority], replaced),
      { code: 'CERTIFICATE_INVALID', message: expect.stringContaining('was not issued by an authority') },
    ],
    [
      'a new authority without the previous one',
      () => files.place([newAuthority], replaced),
      {
        code: 'CERTIFICATE_UNTRUSTED',
        message: expect.stringMatching(
          new RegExp(
            `^the new certificate is rejected by ${ids.join(', ')} \\(.*\\); the new CA certificates do not verify the current certificate of ${ids.join(', ')} \\(`,
          ),
        ),
      },
    ],
    [
      'a certificate of a new authority together with the first CA file that contains it',
      () => files.place([authority, newAuthority], replaced),
      {
        code: 'CERTIFICATE_UNTRUSTED',
        message: expect.stringMatching(
          new RegExp(`^the new certificate is rejected by ${ids.join(', ')} \\(.*unknown ca.*\\)$`),
        ),
        hint: expect.stringContaining('both CA certificates in one file, with the previous certificate'),
      },
    ],
  ])('are refused with one error, and nothing changes: %s', async (_, place, error) => {
    const before = await facts();
    await place();
    await expect(substrate.prepareChange?.(topology, {})).rejects.toMatchObject(error);
    expect(await facts()).toEqual(before);
    await expectNoFailures();
  });
});

describe('new certificates reach every node, and no operation of a client fails', () => {
  it('a renewal by the same authority, interrupted before the watchdog was restarted', async () => {
    files.place([authority], renewed);
    await using change = await prepare();
    expect(change.changes.map(({ differences }) => differences)).toEqual(ids.map(() => ['certificate']));
    await roll(change, { nodeIds: ids });
    expect(await presentedCertificates(environment, [authority])).toEqual([fingerprintOf(renewed)]);
    const watchdog = (await environment.watchdogStatus?.())?.pid;
    await using again = await prepare();
    expect([again.changes, again.parts]).toEqual([[], ['watchdog']]);
    await complete(again);
    expect((await environment.watchdogStatus?.())?.pid).not.toBe(watchdog);
    await using last = await prepare();
    expect([last.changes, last.parts]).toEqual([[], []]);
    await expectNoFailures();
  });

  it('both authorities are trusted, after an interruption in which only some nodes trusted both', async () => {
    files.place([authority, newAuthority], renewed);
    const interruption = new AbortController();
    const progress = (line: string) => {
      if (line.includes('is replaced and healthy')) interruption.abort(new Error('interrupted'));
    };
    await using change = await prepare();
    await expect(roll(change, { nodeIds: ids, progress, signal: interruption.signal })).rejects.toThrow(
      'interrupted',
    );
    await using rest = await prepare();
    const pending = rest.changes.map(({ nodeId }) => nodeId);
    expect(pending).toHaveLength(ids.length - 1);
    files.place([authority, newAuthority], replaced);
    await expect(substrate.prepareChange?.(topology, {})).rejects.toMatchObject({
      code: 'CERTIFICATE_UNTRUSTED',
      message: expect.stringContaining(`is rejected by ${pending.join(', ')} (`),
    });
    files.place([authority, newAuthority], renewed);
    await complete(rest);
    await expectNoFailures();
  });

  it('a planned switchover while both authorities are trusted', async () => {
    const { from, to } = await switchover(environment, {});
    expect(to).not.toBe(from);
    await expectNoFailures();
  });

  it('the previous authority cannot be removed while nodes present its certificate', async () => {
    const before = await facts();
    files.place([newAuthority], replaced);
    await expect(substrate.prepareChange?.(topology, {})).rejects.toMatchObject({
      code: 'CERTIFICATE_UNTRUSTED',
      message: expect.stringMatching(
        /^the new CA certificates do not verify the current certificate of redis-1/,
      ),
      hint: expect.stringContaining('keep the previous CA certificate'),
    });
    expect(await facts()).toEqual(before);
  });

  it('certificates of the new authority', async () => {
    files.place([authority, newAuthority], replaced);
    await using change = await prepare();
    await complete(change);
    expect(await presentedCertificates(environment, [newAuthority])).toEqual([fingerprintOf(replaced)]);
    // Until the next change, nodes also accept certificates of the previous authority.
    expect(await handshakeResults(environment, newAuthority, original)).toEqual(['accepted']);
    await expectNoFailures();
  });

  it('the previous authority is removed, and is no longer accepted', async () => {
    files.place([newAuthority], replaced);
    await using change = await prepare();
    await complete(change);
    expect(await presentedCertificates(environment, [newAuthority])).toEqual([fingerprintOf(replaced)]);
    expect(await handshakeResults(environment, authority)).not.toContain('accepted');
    expect(await handshakeResults(environment, newAuthority, original)).not.toContain('accepted');
    expect(await handshakeResults(environment, newAuthority, replaced)).toEqual(['accepted']);
    await expectNoFailures();
  });

  it('every value is stored, and the watchdog is connected to every node', async () => {
    await use.stop();
    expect(await use.lostKeys()).toEqual([]);
    // One operation is in flight at a time, and only a switchover can interrupt it.
    expect(use.unconfirmed).toBeLessThanOrEqual(SWITCHOVERS);
    await using opened = await substrate.open(topology);
    expect(opened?.endpoints.tls?.ca).toBe(newAuthority.pem);
    const clientsOf = async (id: string) => String(await (await opened?.admin(id))?.call('CLIENT', 'LIST'));
    for (const { id } of topology.redis)
      await waitUntil(`the watchdog on ${id}`, async () => /user=watchdog/.test(await clientsOf(id)));
  });
});

it('a cluster gets a new authority shard by shard', async () => {
  const config = clusterConfiguration('own-authority-cluster');
  const cluster = planTopology(
    environmentSchema.parse({ ...config, security: { tls: true, certificates: files.paths } }),
  );
  files.place([authority], original);
  await using running = await substrate.apply(cluster, { ephemeral: true });
  const changes = [
    [[authority, newAuthority], original],
    [[authority, newAuthority], replaced],
    [[newAuthority], replaced],
  ] as const;
  for (const [authorities, certificate] of changes) {
    files.place(authorities, certificate);
    await using change = (await substrate.prepareChange?.(cluster, {})) as PreparedChange;
    await complete(change);
    expect(await presentedCertificates(running, authorities)).toEqual([fingerprintOf(certificate)]);
  }
  await using opened = await substrate.open(cluster);
  expect(await opened?.cluster?.healthProblem()).toBeUndefined();
});

async function prepare(): Promise<PreparedChange> {
  const change = await substrate.prepareChange?.(topology, {});
  if (change === undefined) throw new Error('the environment is not running');
  return change;
}

async function expectNoFailures(): Promise<void> {
  await use.more(50);
  expect(use.failed).toEqual([]);
}

/** Processes of the nodes, and the files with which they start. */
async function facts() {
  const dir = join(state.path, 'environments', base.name, 'tls');
  const pids = (await environment.status()).map(({ id, pid }) => ({ id, pid }));
  return {
    pids,
    texts: ['ca.crt', 'node.crt', 'node.key'].map((name) => readFileSync(join(dir, name), 'utf8')),
  };
}
