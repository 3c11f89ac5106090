/**
 * The local substrate on other versions of Redis and on Valkey (`KIT_TEST_SERVERS`): the contract of a substrate with
 * replication, sentinels and access rules, the contract of a cluster on Valkey, and data recovery.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isSupported } from '../../../../infra/redis/server-version.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { nodesOf, planTopology } from '../../../../infra/topology.ts';
import { clusterContract } from '../../../contracts/cluster.contract.ts';
import { substrateContract } from '../../../contracts/substrate.contract.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { listTestServers, type TestServer } from '../../../support/servers.ts';
import { clusterConfiguration, configuration, temporaryStateDir } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

const servers = (await listTestServers()).filter(isSupported);
const substrateWith = ({ path }: TestServer) => localSubstrate({ stateDir: state.path, redisServer: path });

for (const wanted of ['Redis 8', 'Valkey 9']) {
  const isListed = servers.some(({ name }) => name.startsWith(`${wanted}.`));
  const title = `the local substrate is tested on ${wanted}`;
  it.runIf(isListed)(isListed ? title : `${title} [skipped: KIT_TEST_SERVERS has no such server]`, () => {
    expect(isListed).toBe(true);
  });
}

for (const [i, server] of servers.entries()) {
  substrateContract(`local processes of ${server.name}`, () => ({
    substrate: substrateWith(server),
    configuration: configuration(`server-${i}`),
  }));

  if (server.family === 'valkey') {
    clusterContract(`local processes of ${server.name}`, () => ({
      substrate: substrateWith(server),
      configuration: clusterConfiguration(`cluster-${i}`),
    }));
  }
}

describe.each(servers)('local processes of $name', (server) => {
  const name = `recovered-${servers.indexOf(server)}`;

  it('start from the replica with the most recent data, and name the server in the provenance', async () => {
    const substrate = substrateWith(server);
    const topology = planTopology(configuration(name, { appendfsync: 'always' }));
    const environment = await substrate.apply(topology, { ephemeral: false });
    try {
      expect(environment.provenance).toMatchObject({
        'redis-version': server.version,
        'server-family': server.family,
      });
      const master = await environment.admin('redis-1');
      for (let i = 0; i < 200; i += 1) await master.set(`key:${i}`, `value ${i}`);
      await master.bgrewriteaof();
      await waitUntil('the rewrite to end', async () =>
        (await master.info('persistence')).includes('aof_rewrite_in_progress:0'),
      );
      for (let i = 0; i < 100; i += 1) await master.set(`later:${i}`, `value ${i}`);
      await replicated(master, 2);
      for (const { id } of [...nodesOf(topology)].reverse()) await environment.capabilities.kill?.(id);
      const found = await substrate.inspectData?.(topology);
      expect(found?.[0]?.choice).toMatchObject({ kind: 'start', nodeId: 'redis-1' });
      rmSync(join(state.path, 'environments', name, 'redis-1', 'data'), { recursive: true });
      await using again = await substrate.apply(topology, { ephemeral: false });
      const acting = (await again.masterId()) ?? '';
      expect(acting).not.toBe('redis-1');
      expect(await (await again.admin(acting)).dbsize()).toBe(300);
    } finally {
      await environment[Symbol.asyncDispose]();
      await substrate.destroy(name);
    }
  });
});
