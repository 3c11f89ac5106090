import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { localSubstrate } from '../../../infra/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { clusterContract } from '../../contracts/cluster.contract.ts';
import { clusterConfiguration, temporaryStateDir, workingBelow } from './bench.ts';

const state = temporaryStateDir();
afterAll(() => {
  expect(workingBelow(state.path)).toEqual([]);
  state[Symbol.dispose]();
});

clusterContract('plain local processes', () => ({
  substrate: localSubstrate({ stateDir: state.path }),
  configuration: clusterConfiguration('contract'),
}));

describe('a cluster on 127.0.0.1 with TLS', () => {
  const substrate = localSubstrate({ stateDir: state.path, addressing: 'port-per-node' });
  const topology = planTopology({ ...clusterConfiguration('secure'), security: { tls: true } });

  it('forms over TLS, bus and replication included, and refuses a node that has lost what it knew', async () => {
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
    await expect(environment.capabilities.start?.('redis-4')).rejects.toMatchObject({
      code: 'NODES_FILE_LOST',
      where: file,
      hint: expect.stringContaining('kit down --env secure'),
    });
  });
});
