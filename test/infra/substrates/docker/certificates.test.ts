/** Certificates of an environment on Docker over time: they are kept, inspected, and renewed by a deploy. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeCertificates } from '../../../../infra/certificates/generate.ts';
import { clientCa, renewalDue } from '../../../../infra/substrates/docker/certificates.ts';
import { drawValues, hasSecrets, readValues } from '../../../../infra/substrates/docker/generated-values.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import {
  findDeviations,
  renderFiles,
  renderHashes,
  renderNodes,
} from '../../../../infra/substrates/docker/rendering.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());
const FACTS = { version: '7.0.15', activedefrag: false, tls: true };
const planOf = (name: string, tls = true) =>
  planDocker(planTopology(configuration(name, { security: { tls } })));
const tlsDir = (name: string) => join(state.path, 'docker', name, 'tls');

/** Creates the state of a deploy whose certificates expire in the given number of days. */
async function madeWithDaysLeft(name: string, validDays: number): Promise<string> {
  const path = join(tlsDir(name), 'made.json');
  const { nodes } = planOf(name);
  const addresses = [
    ...['127.0.0.1', 'localhost', ...nodes.map(({ address }) => address.host)],
    ...nodes.flatMap(({ id, container }) => [id, container]),
  ];
  const made = await makeCertificates({ addresses, environment: name, validDays });
  const { ca, cert, key, notAfter } = made;
  mkdirSync(tlsDir(name), { recursive: true });
  writeFileSync(
    path,
    JSON.stringify({ addresses, notAfter: notAfter.toISOString(), ca, cert, key: key.reveal() }),
  );
  return path;
}

it('a plan keeps certificates that are close to expiry, and a deploy renews them', async () => {
  const plan = planOf('late');
  const path = await madeWithDaysLeft('late', 29);
  const before = readFileSync(path, 'utf8');
  drawValues(state.path, 'late');
  const looked = renderHashes(plan, FACTS, state.path);
  expect(renderHashes(plan, FACTS, state.path).hashes).toEqual(looked.hashes);
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(clientCa(state.path, 'late')).toBeUndefined();
  expect(renewalDue(plan, state.path)).toBe(JSON.parse(before).notAfter.slice(0, 10));

  const rendered = await renderFiles(plan, FACTS, state.path);
  expect(rendered.hashes).not.toEqual(looked.hashes);
  expect(readFileSync(path, 'utf8')).not.toBe(before);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(renewalDue(plan, state.path)).toBeUndefined();
  expect(renderHashes(plan, FACTS, state.path).hashes).toEqual(rendered.hashes);
});

it('a deploy keeps certificates that are far from expiry, unless the addresses change', async () => {
  const plan = planOf('early');
  const path = await madeWithDaysLeft('early', 31);
  const before = readFileSync(path, 'utf8');
  const { hashes } = await renderFiles(plan, FACTS, state.path);
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(clientCa(state.path, 'early')).toBe(JSON.parse(before).ca);
  const moved = planDocker(
    planTopology({
      ...plan.environment,
      docker: { ...plan.environment.docker, subnet: '10.200.7.0/24' },
    }),
  );
  expect(renderHashes(moved, FACTS, state.path).hashes).not.toEqual(hashes);
  expect(readFileSync(path, 'utf8')).toBe(before);
  await renderFiles(moved, FACTS, state.path);
  expect(JSON.parse(readFileSync(path, 'utf8')).addresses).toContain('10.200.7.11');
});

it('a plan without an earlier deploy, or without TLS, creates no certificate', () => {
  renderHashes(planOf('never'), FACTS, state.path);
  expect(existsSync(tlsDir('never'))).toBe(false);
  expect(hasSecrets(state.path, 'never')).toBe(false);
  expect(readValues(state.path, 'never').commanderPassword).toBe('');
  expect(renewalDue(planOf('never'), state.path)).toBeUndefined();
  expect(renewalDue(planOf('late', false), state.path)).toBeUndefined();
});

it('a change of the passwords keeps the deployed certificates, even if a renewal is due', async () => {
  const plan = planOf('rotated');
  const path = await madeWithDaysLeft('rotated', 31);
  const { hashes } = await renderFiles(plan, FACTS, state.path);
  const before = readFileSync(path, 'utf8');
  const ca = clientCa(state.path, 'rotated');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(before), notAfter: new Date().toISOString() }));
  const { secrets } = drawValues(state.path, 'rotated');
  expect((await renderFiles(plan, FACTS, state.path, secrets)).hashes).toEqual(hashes);
  expect(clientCa(state.path, 'rotated')).toBe(ca);
  expect((await renderFiles(plan, FACTS, state.path)).hashes).not.toEqual(hashes);
});

it('the configuration of the nodes is rendered even if the certificates of the user cannot be read', () => {
  const paths = { ca: '/nowhere/ca.crt', cert: '/nowhere/node.crt', key: '/nowhere/node.key' };
  const security = { tls: true, certificates: paths };
  const plan = planDocker(planTopology(configuration('unreadable', { security })));
  const { secrets } = drawValues(state.path, 'unreadable');
  expect(findDeviations(plan, FACTS, state.path, secrets)).toEqual(
    findDeviations(planOf('unreadable'), FACTS, state.path, secrets),
  );
  expect(renderNodes(plan, FACTS, state.path).get('redis-1')?.conf).toContain('tls-cert-file');
  expect(() => renderHashes(plan, FACTS, state.path)).toThrow('cannot be read: ENOENT');
});
