/**
 * A change of the certificate authority on the engine: containers are replaced one at a time, while one client, which
 * trusts both authorities, is in use. The suite may end with the certificates of the new authority, or after the removal
 * of the previous authority, for which every container is replaced a second time.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Cache } from '../../../../client/index.ts';
import type { PreparedChange } from '../../../../infra/operations/rolling/change.ts';
import { switchover } from '../../../../infra/operations/switchover.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { inspectContainers } from '../../../../infra/substrates/docker/engine.ts';
import { scrapeTarget } from '../../../../infra/substrates/docker/observability-files.ts';
import { planDocker, servicesOf } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
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
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

/** Declares the suite. @param firstPort first port of its environment */
export function authorityChange(
  name: string,
  firstPort: number,
  { isPreviousRemoved }: { readonly isPreviousRemoved: boolean },
): void {
  const state = engineStateDir();
  const files = new CertificateFiles(state.path);
  const security = { tls: true, certificates: files.paths };
  const topology = planTopology(configuration(name, { security }, firstPort));
  const plan = planDocker(topology);
  const addresses = ['127.0.0.1', ...plan.nodes.flatMap(({ id, address }) => [id, address.host])];
  const ids = plan.nodes.map(({ id }) => id);
  const substrate = dockerSubstrate({ stateDir: state.path });

  let authority: Issued;
  let newAuthority: Issued;
  let original: Issued;
  /** Issued by the new authority. */
  let replaced: Issued;
  let environment: Environment;
  let cache: Cache;
  let use: ContinuousUse;

  describeOnEngine('certificates from an own authority on the engine', () => {
    beforeAll(async () => {
      authority = await issueCertificate('CN=authority', { isAuthority: true });
      newAuthority = await issueCertificate('CN=new authority', { isAuthority: true });
      original = await issueForNodes(authority, addresses);
      replaced = await issueForNodes(newAuthority, addresses);
      files.place([authority, newAuthority], original);
      environment = await substrate.apply(topology, { ephemeral: false });
      cache = openCacheTrusting(environment, [authority, newAuthority]);
      use = new ContinuousUse(cache);
      await use.more(50);
    });

    afterAll(async () => {
      await use?.stop();
      await cache?.close();
      await environment?.[Symbol.asyncDispose]();
      await substrate.destroy(topology.environment.name);
      state[Symbol.dispose]();
    });

    it('unusable certificates are refused and no container is replaced, but the environment is still found', async () => {
      const before = await containers();
      files.place([authority, newAuthority], replaced, original.key);
      await expect(substrate.prepareChange?.(topology, {})).rejects.toMatchObject({
        code: 'CERTIFICATE_INVALID',
        message: expect.stringContaining('belongs to another certificate'),
      });
      const found = await substrate.find(topology.environment.name, topology);
      expect(found?.differences).toEqual([expect.stringMatching(/^certificates: .*own\.crt the key in/)]);
      await found?.environment[Symbol.asyncDispose]();
      files.place([newAuthority], replaced);
      await expect(substrate.prepareChange?.(topology, {})).rejects.toMatchObject({
        code: 'CERTIFICATE_UNTRUSTED',
        message: expect.stringContaining(`do not verify the current certificate of ${ids.join(', ')}`),
      });
      expect(await containers()).toEqual(before);
      await expectService();
    });

    it('certificates of the new authority reach every node', async () => {
      files.place([authority, newAuthority], replaced);
      await applyToEveryNode();
      expect(await presentedCertificates(environment, [newAuthority])).toEqual([fingerprintOf(replaced)]);
      expect(await handshakeResults(environment, newAuthority, original)).toEqual(['accepted']);
      await switchover(environment);
      await expectService();
    });

    if (isPreviousRemoved)
      it('the previous authority is removed', async () => {
        files.place([newAuthority], replaced);
        await applyToEveryNode();
        expect(await presentedCertificates(environment, [newAuthority])).toEqual([fingerprintOf(replaced)]);
        expect(await handshakeResults(environment, authority)).not.toContain('accepted');
        expect(await handshakeResults(environment, newAuthority, original)).not.toContain('accepted');
        await expectService();
      });

    it('every value is stored, and nothing has drifted', async () => {
      await use.stop();
      expect(await use.lostKeys()).toEqual([]);
      await waitUntil('no drift', async () => (await findDrift(plan, state.path)).length === 0);
    });
  });

  const containers = async () =>
    [...(await inspectContainers(servicesOf(plan)))].map(([name, { Id }]) => ({ name, Id }));

  async function applyToEveryNode(): Promise<void> {
    await using change = (await substrate.prepareChange?.(topology, {})) as PreparedChange;
    expect(change.changes.map(({ nodeId }) => nodeId)).toEqual(ids);
    await complete(change);
  }

  /** No operation of the client failed; the exporter and Redis Commander reach the nodes. */
  async function expectService(): Promise<void> {
    await use.more(50);
    expect(use.failed).toEqual([]);
    const exporter = `http://127.0.0.1:${plan.exporter.published.port}/scrape?target=`;
    const isScraped = async () => {
      const texts = plan.nodes.map(async (node) => (await fetch(exporter + scrapeTarget(plan, node))).text());
      return (await Promise.all(texts)).every((text) => /^redis_up 1$/m.test(text));
    };
    await waitUntil('the exporter to reach every node', () => isScraped().catch(() => false));
    const found = await substrate.find(topology.environment.name, undefined);
    if (found === undefined) throw new Error('the environment is not running');
    await using current = found.environment;
    // The addresses in the list are those of the data network.
    const ofCommander = new RegExp(`addr=${plan.commander.address.host}:.*user=app`);
    // After a planned switchover, Redis Commander may stay connected to the former master.
    const isConnected = async () => {
      const lists = topology.redis.map(async ({ id }) => (await current.admin(id)).call('CLIENT', 'LIST'));
      return (await Promise.all(lists)).some((list) => ofCommander.test(String(list)));
    };
    await waitUntil('Redis Commander to be connected to a node', () => isConnected().catch(() => false));
  }
}
