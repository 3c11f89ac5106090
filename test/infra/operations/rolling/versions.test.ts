/**
 * Rolling version changes on local processes (`KIT_TEST_SERVERS`) from the installed server to a newer one: under load,
 * with a reversal before the switchover, with a refused reversal after it, and with a failover in between.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedChange } from '../../../../infra/operations/rolling/change.ts';
import { type RollingReport, roll } from '../../../../infra/operations/rolling/roll.ts';
import { checkVersions } from '../../../../infra/operations/rolling/versions.ts';
import { nodeServers } from '../../../../infra/operations/servers.ts';
import { formatServer } from '../../../../infra/redis/server-version.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import type { Substrate } from '../../../../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../../../../infra/topology.ts';
import { loadAtRate, lostKeys, openApplicationCache } from '../../../support/durable-writes.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { listTestServers, type TestServer } from '../../../support/servers.ts';
import {
  clusterConfiguration,
  configuration,
  type StateDir,
  temporaryStateDir,
} from '../../substrates/local/fixtures.ts';

const servers = await listTestServers();

/**
 * Declares a suite that runs on the test server of the given version. If the list does not contain such a server, the
 * suite is reported by name as skipped.
 */
function describeOn(wanted: string, body: (server: TestServer) => void): void {
  const server = servers.find(({ name }) => name.startsWith(`${wanted}.`));
  const title = `a version change to ${wanted}`;
  const skipped = `${title} [skipped: KIT_TEST_SERVERS has no such server]`;
  describe.runIf(server !== undefined)(server === undefined ? skipped : title, () =>
    body(server as TestServer),
  );
}

const asking = ({ family, version, path }: TestServer) => ({
  server: `${family}@${version}`,
  local: { server: path },
});

function topologyWith(name: string, server?: TestServer): Topology {
  const config = configuration(name);
  if (server === undefined) return planTopology(config);
  const { local, ...redis } = asking(server);
  return planTopology({ ...config, local, redis: { ...config.redis, ...redis } });
}

async function complete(change: PreparedChange): Promise<RollingReport> {
  const check = () => checkVersions(change.environment, change.server);
  const report = await roll(change, { nodeIds: change.changes.map(({ nodeId }) => nodeId), check });
  await change.finish(() => {});
  return report;
}

/** Replaces the first node of a change, and returns its id. */
async function replaceFirst(change: PreparedChange): Promise<string> {
  const interruption = new AbortController();
  const progress = (line: string) => {
    if (line.includes('is replaced and healthy')) interruption.abort(new Error('interrupted'));
  };
  const nodeIds = change.changes.map(({ nodeId }) => nodeId);
  await expect(roll(change, { nodeIds, progress, signal: interruption.signal })).rejects.toThrow(
    'interrupted',
  );
  const found = await nodeServers(change.environment);
  return nodeIds.find((id) => found.get(id) === formatServer(change.server)) as string;
}

/** Waits until the append-only file of a node begins with an RDB that this node wrote itself. */
async function rewriteFiles(environment: Environment, id: string): Promise<void> {
  const redis = await environment.admin(id);
  // The command is refused while the rewrite after a synchronization is in progress.
  const start = async () => (await redis.call('BGREWRITEAOF').catch(() => undefined)) !== undefined;
  await waitUntil('a rewrite', start, 30_000);
  const isDone = async () => (await redis.info('persistence')).includes('aof_rewrite_in_progress:0');
  await waitUntil('the end of the rewrite', isDone, 30_000);
}

const pidsOf = async (environment: Environment) =>
  new Map((await environment.status()).map(({ id, pid }) => [id, pid]));

describeOn('Redis 8.2', (server) => {
  // Created in a hook, because no hook runs if the suite is skipped.
  let state: StateDir;
  let substrate: Substrate;
  let environment: Environment;
  let former: ReadonlyMap<string, string>;
  const prepare = async (asked?: TestServer) =>
    (await substrate.prepareChange?.(topologyWith('upgrade', asked), {})) as PreparedChange;

  beforeAll(async () => {
    state = temporaryStateDir();
    substrate = localSubstrate({ stateDir: state.path });
    environment = await substrate.apply(topologyWith('upgrade'), { ephemeral: true });
    former = await nodeServers(environment);
  });
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    state[Symbol.dispose]();
  });

  it('can be reversed after the first replica is replaced, and that replica then copies the data again', async () => {
    const master = await environment.admin((await environment.masterId()) as string);
    await master.set('before', 'kept');
    await using forth = await prepare(server);
    const first = await replaceFirst(forth);
    expect((await nodeServers(environment)).get(first)).toBe(server.name);
    await rewriteFiles(environment, first);

    await using back = await prepare();
    expect(await checkVersions(back.environment, back.server)).toMatchObject({
      from: [server.name],
      isDowngrade: true,
      copied: [first],
    });
    const report = await complete(back);
    expect(report.replaced.map(({ nodeId }) => nodeId)).toEqual([first]);
    expect(await nodeServers(environment)).toEqual(former);
    expect(await (await environment.admin(first)).get('before')).toBe('kept');
  });

  it('loses no durable write and serves every read, at 500 of each per second', async () => {
    const before = (await environment.masterId()) as string;
    const cache = openApplicationCache(environment);
    await cache.ping();
    await using load = loadAtRate(cache, 500);
    await using change = await prepare(server);
    const report = await complete(change);
    const { acknowledged, sent, unanswered } = await load.stop();
    const lost = await lostKeys(environment, cache, acknowledged);
    await cache.close();

    expect(lost).toEqual([]);
    expect(unanswered).toBe(0);
    expect(acknowledged.length).toBeGreaterThan(sent / 2);
    expect(report.switches.map(({ from }) => from)).toEqual([before]);
    expect(new Set((await nodeServers(environment)).values())).toEqual(new Set([server.name]));
    expect(environment.topology.redis).toHaveLength(3);
    await using again = await prepare(server);
    expect(again.changes).toEqual([]);
  });

  it('cannot be reversed after the switchover, and is refused before a node is replaced', async () => {
    const before = await pidsOf(environment);
    await using back = await prepare();
    await expect(checkVersions(back.environment, back.server)).rejects.toMatchObject({
      code: 'VERSION_DOWNGRADE',
      message: expect.stringMatching(/redis-\d: Redis 8\.2\.\d+ writes RDB version 12, Redis 7\.\d/),
      hint: expect.stringContaining('backup of the previous version'),
    });
    await expect(complete(back)).rejects.toMatchObject({ code: 'VERSION_DOWNGRADE' });
    expect(await pidsOf(environment)).toEqual(before);
  });
});

describeOn('Valkey 9', (server) => {
  it('continues after a crash of the master, with the crashed node first', async () => {
    using state = temporaryStateDir();
    const substrate = localSubstrate({ stateDir: state.path });
    const prepare = async () =>
      (await substrate.prepareChange?.(topologyWith('migrate', server), {})) as PreparedChange;
    await using environment = await substrate.apply(topologyWith('migrate'), { ephemeral: true });
    const crashed = (await environment.masterId()) as string;
    expect(await (await environment.admin(crashed)).set('before', 'kept')).toBe('OK');
    await using change = await prepare();
    await replaceFirst(change);
    await environment.capabilities.kill?.(crashed);
    await waitUntil(
      'a failover',
      async () => ![undefined, crashed].includes(await environment.masterId()),
      30_000,
    );

    await using again = await prepare();
    const report = await complete(again);
    expect(report.replaced[0]?.nodeId).toBe(crashed);
    expect(new Set((await nodeServers(environment)).values())).toEqual(new Set([server.name]));
    const master = await environment.admin((await environment.masterId()) as string);
    expect(await master.get('before')).toBe('kept');
  });

  it('replaces every node of a cluster, and cannot be reversed', async () => {
    using state = temporaryStateDir();
    const substrate = localSubstrate({ stateDir: state.path });
    const config = clusterConfiguration('migrate-cluster');
    const { local, ...redis } = asking(server);
    const asked = planTopology({ ...config, local, redis: { ...config.redis, ...redis } });
    await using environment = await substrate.apply(planTopology(config), { ephemeral: true });
    await using change = (await substrate.prepareChange?.(asked, {})) as PreparedChange;
    const { replaced } = await complete(change);
    expect(replaced).toHaveLength(6);
    expect(new Set((await nodeServers(environment)).values())).toEqual(new Set([server.name]));
    expect(await environment.cluster?.healthProblem()).toBeUndefined();
    await using back = (await substrate.prepareChange?.(planTopology(config), {})) as PreparedChange;
    await expect(checkVersions(back.environment, back.server)).rejects.toMatchObject({
      code: 'VERSION_DOWNGRADE',
    });
  });
});
