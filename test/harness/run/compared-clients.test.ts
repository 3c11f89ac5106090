/** Selection of the clients that a comparison runs, and of those that it reports as not measured. */
import { expect, it } from 'vitest';
import { CLIENT_NAMES, CLIENTS } from '../../../harness/drills/clients.ts';
import { drills } from '../../../harness/drills/index.ts';
import { clientName } from '../../../harness/reports/wording.ts';
import { compareClients } from '../../../harness/run/compared-clients.ts';
import { isInstalled } from '../../../harness/workloads/stock/packages.ts';

const named = (...ids: readonly string[]) => drills.filter(({ id }) => ids.includes(id));
const clientsOf = (compared: ReturnType<typeof compareClients>) =>
  compared.drills.map(({ clients }) => clients);

it('a drill keeps its clients unless the caller selects others', () => {
  const crash = named('master-crash');
  expect(compareClients(crash, undefined, 'sentinel')).toEqual({
    drills: crash,
    notMeasured: [],
    versions: {},
  });
  expect(clientsOf(compareClients(crash, ['kit', 'ioredis'], 'sentinel'))).toEqual([['kit', 'ioredis']]);
});

it('the kit’s own client always runs, and a drill without a comparison keeps its client', () => {
  const compared = compareClients(named('master-crash', 'hit-miss'), ['ioredis-tuned'], 'sentinel');
  expect(clientsOf(compared).toSorted()).toEqual([['kit'], ['kit', 'ioredis-tuned']]);
  expect(compared.versions).toEqual({ 'client ioredis-tuned': expect.stringMatching(/^6\./) });
});

it('a client that does not support the topology is not measured, and the other clients run', () => {
  const compared = compareClients(named('master-crash'), CLIENT_NAMES, 'sentinel');
  expect(clientsOf(compared)).toEqual([['kit', 'ioredis', 'ioredis-tuned', 'node-redis', 'node-redis-5']]);
  expect(compared.notMeasured).toEqual(['client glide: NOT_MEASURED: it does not support Sentinel']);
  expect(compareClients(named('cluster-master-crash'), ['glide'], 'cluster').notMeasured).toEqual([]);
});

it('a missing package is detected without loading it', () => {
  expect(isInstalled('redis')).toBe(true);
  expect(isInstalled('no-such-client')).toBe(false);
});

it('selecting clients for drills without a comparison is an error that names the drills', () => {
  expect(() => compareClients(named('hit-miss'), ['ioredis'], 'single')).toThrow(
    "--clients: hit-miss runs only the kit's client",
  );
});

it('every client has a distinct display name', () => {
  expect(new Set(CLIENT_NAMES.map(clientName)).size).toBe(CLIENT_NAMES.length);
  const unnamed = CLIENT_NAMES.filter((name) => name !== 'glide' && clientName(name) === name);
  expect(unnamed).toEqual([]);
  expect(CLIENTS.glide.package).toBe('@valkey/valkey-glide');
});
