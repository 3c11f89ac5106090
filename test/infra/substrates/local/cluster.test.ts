import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { clusterContract } from '../../../contracts/cluster.contract.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { clusterConfiguration, listPidsBelow, temporaryStateDir } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => {
  expect(listPidsBelow(state.path)).toEqual([]);
  state[Symbol.dispose]();
});

clusterContract('plain local processes', () => ({
  substrate: localSubstrate({ stateDir: state.path }),
  configuration: clusterConfiguration('contract'),
}));

describe('a cluster on 127.0.0.1 with TLS', () => {
  const substrate = localSubstrate({ stateDir: state.path, addressing: 'port-per-node' });
  const topology = planTopology({ ...clusterConfiguration('secure'), security: { tls: true } });

  it('forms over TLS, including bus and replication, and a replica that lost its state rejoins its shard', async () => {
    await using environment = await substrate.apply(topology, { ephemeral: true });
    const info = String(await (await environment.admin('redis-6')).call('CLUSTER', 'INFO'));
    expect(info).toContain('cluster_state:ok');
    expect(await (await environment.admin('redis-1')).config('GET', 'tls-cluster')).toEqual([
      'tls-cluster',
      'yes',
    ]);
    await environment.capabilities.kill?.('redis-4');
    const file = join(state.path, 'environments/secure/redis-4/data/nodes.conf');
    expect(existsSync(file)).toBe(true);
    rmSync(file);
    await environment.capabilities.start?.('redis-4');
    await waitUntil(
      'the cluster to be healthy',
      async () => (await environment.cluster?.healthProblem()) === undefined,
    );
    expect(await environment.cluster?.shards()).toMatchObject([
      { master: 'redis-1', replicas: ['redis-4'] },
      { master: 'redis-2' },
      { master: 'redis-3' },
    ]);
  });
});

describe('a cluster after all its nodes have been down', () => {
  const substrate = localSubstrate({ stateDir: state.path });
  const configuration = clusterConfiguration('fallen');
  const topology = planTopology({
    ...configuration,
    redis: { ...configuration.redis, appendfsync: 'always' },
  });
  const dataOf = (id: string) => join(state.path, 'environments/fallen', id, 'data');

  it.each([
    ['whose master lost its data and its nodes.conf', () => rmSync(dataOf('redis-1'), { recursive: true })],
    [
      'whose master lost only its append-only file',
      () => rmSync(join(dataOf('redis-1'), 'appendonlydir'), { recursive: true }),
    ],
    ['whose master has an append-only file that is corrupt', () => corrupt('redis-1')],
    [
      'whose master has less than its replica',
      () => {
        const file = incrementOf('redis-1');
        truncateSync(file, Math.floor(statSync(file).size / 2));
      },
    ],
  ])('starts a shard %s from its replica', async (_what, harm) => {
    const said: string[] = [];
    const first = await substrate.apply(topology, { ephemeral: false });
    try {
      const master = await first.admin('redis-1');
      // The hash tag is in the first shard (slots 0 to 5460).
      for (let i = 0; i < 200; i += 1) await master.set(`{06S}:${i}`, `value ${i}`);
      await replicated(master, 1);
      for (const { id } of topology.redis) await first.capabilities.kill?.(id);
      harm();
      const inspected = await substrate.inspectData?.(topology);
      expect(inspected?.[0]).toMatchObject({
        named: 'redis-1',
        choice: { kind: 'start', nodeId: 'redis-4' },
      });
      await using again = await substrate.apply(topology, {
        ephemeral: false,
        progress: (line) => said.push(line),
      });
      const shards = await again.cluster?.shards();
      expect(shards?.[0]).toMatchObject({ master: 'redis-4', replicas: ['redis-1'] });
      for (const id of ['redis-4', 'redis-1']) {
        const admin = await again.admin(id);
        await waitUntil(`the keys on ${id}`, async () => (await admin.dbsize()) === 200);
      }
      expect(said.join('\n')).toContain('redis-4 takes over the slots of its shard');
    } finally {
      await first[Symbol.asyncDispose]();
      await substrate.destroy('fallen');
    }
  });

  function incrementOf(id: string): string {
    const dir = join(dataOf(id), 'appendonlydir');
    return join(dir, readdirSync(dir).find((name) => name.endsWith('.incr.aof')) ?? '');
  }

  function corrupt(id: string): void {
    const text = readFileSync(incrementOf(id), 'latin1');
    const at = text.indexOf('*3\r\n', Math.floor(text.length / 2));
    writeFileSync(incrementOf(id), `${text.slice(0, at)}X${text.slice(at + 1)}`, 'latin1');
  }
});
