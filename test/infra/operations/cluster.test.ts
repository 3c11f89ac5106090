/**
 * Operations on a real cluster while it loses a vote, a reply or a connection for a moment. Such a loss cannot be caused
 * at a given time, so one command or reply of the admin connection is replaced.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chooseSources } from '../../../infra/backup/source.ts';
import { clusterSwitchover } from '../../../infra/operations/cluster-switchover.ts';
import { moveSlots, restoreSlots } from '../../../infra/operations/slot-migration.ts';
import { startUnlessRunning } from '../../../infra/operations/start-unless-running.ts';
import type { ClusterView } from '../../../infra/redis/cluster.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { withMembers } from '../../harness/trial/builders.ts';
import { clusterConfiguration, type StateDir, temporaryStateDir } from '../substrates/local/fixtures.ts';

let state: StateDir;
let environment: Environment;
beforeAll(async () => {
  state = temporaryStateDir();
  const config = clusterConfiguration('operated');
  const topology = planTopology({ ...config, cluster: { ...config.cluster, nodeTimeoutMs: 1_000 } });
  environment = await localSubstrate({ stateDir: state.path }).apply(topology, { ephemeral: true });
});
afterAll(async () => {
  await environment?.[Symbol.asyncDispose]();
  state?.[Symbol.dispose]();
});

/** The environment, with the first call of a command on any node replaced by `outcome`. */
function replacingFirst(command: string, outcome: () => Promise<unknown>) {
  let calls = 0;
  const wrapped = (redis: Redis) =>
    new Proxy(redis, {
      get(target, name) {
        if (name !== 'call') return Reflect.get(target, name, target);
        return (...words: [string, ...string[]]) => {
          if (!words.join(' ').startsWith(command)) return target.call(...words);
          calls += 1;
          return calls === 1 ? outcome() : target.call(...words);
        };
      },
    });
  const admin = async (id: string) => wrapped(await environment.admin(id));
  return { environment: withMembers(environment, { admin }), calls: () => calls };
}

it('a switchover asks again for a vote that was lost, and counts from the second request', async () => {
  const { environment: losing, calls } = replacingFirst('CLUSTER FAILOVER', async () => 'OK');
  const report = await clusterSwitchover(losing, 'redis-1');
  expect(report).toMatchObject({ from: 'redis-1', to: 'redis-4' });
  expect(calls()).toBe(2);
  // Redis ends a manual failover after 5 s; the second request comes no earlier.
  expect(report.writableMs).toBeLessThan(5_000);
});

it('a migration repeats MIGRATE after a timeout, and counts every key once', async () => {
  const [shard] = (await environment.cluster?.shards()) ?? [];
  const source = await environment.admin(shard?.master ?? '');
  const keys = Array.from({ length: 150 }, (_, i) => `{06S}:${i}`);
  for (const key of keys) await source.set(key, 'value');
  const failure = async () => Promise.reject(new Error('IOERR error or timeout reading to target instance'));
  const { environment: failing, calls } = replacingFirst('MIGRATE', failure);
  const move = { from: shard?.master ?? '', to: 'redis-2', slots: [0] };
  expect(await moveSlots(failing, move)).toMatchObject({ slots: 1, keys: keys.length });
  expect(calls()).toBe(3);
  const target = await environment.admin('redis-2');
  expect(Number(await target.call('CLUSTER', 'COUNTKEYSINSLOT', 0))).toBe(keys.length);
  expect(await restoreSlots(environment)).toBe(1);
});

it('a backup reads every shard, also if one master did not reply at first', async () => {
  const { cluster } = environment;
  let reads = 0;
  const view: ClusterView = {
    healthProblem: async () => cluster?.healthProblem(),
    async shards() {
      reads += 1;
      const all = (await cluster?.shards()) ?? [];
      return reads === 1 ? all.slice(1) : all;
    },
  };
  const sources = await chooseSources(withMembers(environment, { cluster: view }), { fromMaster: false });
  expect(sources).toHaveLength(3);
});

it('a node that is running by now counts as started', async () => {
  await expect(environment.capabilities.start?.('redis-1')).rejects.toMatchObject({ code: 'NODE_RUNNING' });
  await startUnlessRunning(environment, 'redis-1');
});
