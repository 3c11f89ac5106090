/**
 * Rolling changes to local processes: during durable writes, after an interruption, and in cases where they are
 * refused.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedChange } from '../../../../infra/operations/rolling/change.ts';
import { roll } from '../../../../infra/operations/rolling/roll.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { nodesOf, planTopology } from '../../../../infra/topology.ts';
import { openApplicationCache, writeDurably } from '../../../support/durable-writes.ts';
import { complete } from '../../../support/own-certificates.ts';
import { clusterConfiguration, configuration, temporaryStateDir } from '../../substrates/local/fixtures.ts';

const MIB = 1024 ** 2;

describe('a rolling change', () => {
  const state = temporaryStateDir();
  const substrate = localSubstrate({ stateDir: state.path });
  let environment: Environment;

  beforeAll(async () => {
    environment = await substrate.apply(topologyWith(32), { ephemeral: true });
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    state[Symbol.dispose]();
  });

  it('replaces no node if the configuration is unchanged', async () => {
    await using change = await prepare(32);
    expect(change.changes).toEqual([]);
    expect(change.settings).toEqual([]);
  });

  it('continues with the remaining nodes after an interruption', async () => {
    const before = await pids();
    const interruption = new AbortController();
    const progress = (line: string) => {
      if (line.includes('is replaced and healthy')) interruption.abort(new Error('interrupted'));
    };
    await using first = await prepare(40);
    const nodeIds = first.changes.map(({ nodeId }) => nodeId);
    expect(nodeIds).toEqual(environment.topology.redis.map(({ id }) => id));
    await expect(roll(first, { nodeIds, progress, signal: interruption.signal })).rejects.toThrow(
      'interrupted',
    );
    const replaced = [...(await pids())].filter(([id, pid]) => before.get(id) !== pid).map(([id]) => id);
    expect(replaced).toHaveLength(1);

    await using second = await prepare(40);
    expect(second.changes.map(({ nodeId }) => nodeId)).toEqual(nodeIds.filter((id) => id !== replaced[0]));
    // The state left by a SIGKILL that arrives when a node has been stopped but not yet started again.
    const [killed = ''] = second.changes.map(({ nodeId }) => nodeId).filter((id) => id !== master());
    second.mark?.write(killed);
    await environment.capabilities.stop?.(killed);
    await complete(second);
    expect(await maxmemories()).toEqual(Array(3).fill(String(40 * MIB)));
    expect(second.mark?.read()).toBeUndefined();
  });

  it('loses no durable write, and replaces the master after a planned switchover', async () => {
    const former = await environment.masterId();
    const cache = openApplicationCache(environment);
    const stop = new AbortController();
    const writing = writeDurably(cache, stop.signal);
    await using change = await prepare(48, { downAfterMs: 1_800 });
    const report = await complete(change);
    stop.abort();
    const acknowledged = await writing;
    const keys = acknowledged.map((key) => cache.physicalKey(key));
    await cache.close();

    expect(report.replaced.map(({ nodeId }) => nodeId)).toEqual([
      ...environment.topology.redis.map(({ id }) => id).filter((id) => id !== former),
      former,
      ...environment.topology.sentinels.map(({ id }) => id),
    ]);
    expect(report.switches).toMatchObject([{ from: former, writableMs: expect.any(Number) }]);
    expect(acknowledged.length).toBeGreaterThan(100);
    const values = await (await environment.admin((await environment.masterId()) as string)).mget(keys);
    expect(values.filter((value) => value === null)).toEqual([]);
    expect(await maxmemories()).toEqual(Array(3).fill(String(48 * MIB)));
    for (const { id } of environment.topology.sentinels) {
      const sentinel = await environment.admin(id);
      const fields = (await sentinel.call('SENTINEL', 'MASTER', 'mymaster')) as readonly string[];
      expect(fields[fields.indexOf('down-after-milliseconds') + 1]).toBe('1800');
    }
    await using again = await prepare(48, { downAfterMs: 1_800 });
    expect(again.changes).toEqual([]);
    expect(again.settings).toEqual([]);
  });

  it('is refused, and replaces no node, while a node that needs no change is down', async () => {
    const replica = environment.topology.redis.map(({ id }) => id).find((id) => id !== master()) as string;
    await environment.capabilities.kill?.(replica);
    const before = await pids();
    await using change = await prepare(48, { downAfterMs: 1_900 });
    const nodeIds = change.changes.map(({ nodeId }) => nodeId);
    expect(nodeIds).not.toContain(replica);
    await expect(roll(change, { nodeIds })).rejects.toMatchObject({
      code: 'ROLLING_REFUSED',
      message: expect.stringContaining(`${replica} is stopped`),
    });
    expect(await pids()).toEqual(before);
  });

  it('begins with a node that is down, if that node needs the change', async () => {
    const status = await environment.status();
    const [down] = status.filter(({ state }) => state === 'stopped');
    await using change = await prepare(56, { downAfterMs: 1_800 });
    const report = await complete(change);
    expect(report.replaced.map(({ nodeId }) => nodeId)[0]).toBe(down?.id);
    expect(await maxmemories()).toEqual(Array(3).fill(String(56 * MIB)));
  });

  it('reports the switchover without times if the previous master cannot synchronize with the new one', async () => {
    const former = (await environment.masterId()) as string;
    // Another cause could be a previous master whose version is too old for the snapshot of the new master.
    await (await environment.admin(former)).config('SET', 'masterauth', 'wrong');
    await using change = await prepare(64, { downAfterMs: 1_800 });
    const report = await complete(change);
    const acting = await environment.masterId();
    expect(report.switches).toEqual([{ from: former, to: acting }]);
    expect(await maxmemories()).toEqual(Array(3).fill(String(64 * MIB)));
  });

  it('is refused for settings that must be equal on two nodes', async () => {
    const { environment: config } = topologyWith(48);
    const asked = { ...config, topology: { ...config.topology, serviceName: 'other' } };
    await expect(substrate.prepareChange?.(planTopology(asked), {})).rejects.toMatchObject({
      code: 'CHANGE_NOT_ROLLING',
      message: expect.stringContaining('topology.serviceName'),
    });
  });

  let masterId: string | undefined;
  const master = () => masterId;

  function topologyWith(maxmemoryMb: number, sentinel: { readonly downAfterMs?: number } = {}) {
    const config = configuration('roll', { maxmemory: maxmemoryMb * MIB });
    return planTopology({ ...config, sentinel: { ...config.sentinel, ...sentinel } });
  }

  async function prepare(
    maxmemoryMb: number,
    sentinel?: Parameters<typeof topologyWith>[1],
  ): Promise<PreparedChange> {
    masterId = await environment.masterId();
    const change = await substrate.prepareChange?.(topologyWith(maxmemoryMb, sentinel), {});
    if (change === undefined) throw new Error('the environment is not running');
    return change;
  }

  const pids = async () => new Map((await environment.status()).map(({ id, pid }) => [id, pid]));

  const maxmemories = () =>
    Promise.all(
      environment.topology.redis.map(async ({ id }) => {
        const reply = (await (await environment.admin(id)).config('GET', 'maxmemory')) as readonly string[];
        return reply[1];
      }),
    );
});

it('a rolling change to a cluster replaces every node, shard by shard, with a switchover per shard', async () => {
  using state = temporaryStateDir();
  const substrate = localSubstrate({ stateDir: state.path });
  const config = clusterConfiguration('roll-cluster');
  await using environment = await substrate.apply(planTopology(config), { ephemeral: true });
  const masters = (await environment.cluster?.shards())?.map((shard) => shard.master);
  const asked = { ...config, redis: { ...config.redis, slowlogLogSlowerThanUs: 20_000 } };
  await using change = (await substrate.prepareChange?.(planTopology(asked), {})) as PreparedChange;
  const report = await complete(change);
  expect(report.replaced).toHaveLength(nodesOf(environment.topology).length);
  expect(report.switches.map(({ from }) => from)).toEqual(masters);
  expect(await environment.cluster?.healthProblem()).toBeUndefined();
});
