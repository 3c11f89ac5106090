/**
 * A rolling change to containers, settings and the version (`KIT_TEST_SERVERS`), and plain deploys that would replace
 * several nodes at the same time or give them a server that cannot read their data.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import type { PreparedChange } from '../../../../infra/operations/rolling/change.ts';
import { roll } from '../../../../infra/operations/rolling/roll.ts';
import { checkVersions } from '../../../../infra/operations/rolling/versions.ts';
import { nodeServers } from '../../../../infra/operations/servers.ts';
import { buildImages } from '../../../../infra/substrates/docker/build-images.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { nodesOf, planTopology } from '../../../../infra/topology.ts';
import { openApplicationCache, writeDurably } from '../../../support/durable-writes.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { listTestServers } from '../../../support/servers.ts';
import { configuration, describeOnEngine, engineStateDir, runPlainCdktf } from './fixtures.ts';

const state = engineStateDir();
const deployed = configuration('rolling', {}, 28_800);
const config = environmentSchema.parse({ ...deployed, docker: { ...deployed.docker, protected: true } });
const newer = (await listTestServers()).find(({ name }) => name.startsWith('Redis 8.2.'));
const named = (title: string) => (newer ? title : `${title} [skipped: KIT_TEST_SERVERS has no Redis 8.2]`);
const settings = { ...config.redis, maxmemory: 2 * config.redis.maxmemory };
const asked = environmentSchema.parse({
  ...config,
  redis: { ...settings, ...(newer && { server: 'redis@8.2' }) },
  sentinel: { ...config.sentinel, downAfterMs: 2 * config.sentinel.downAfterMs },
});
const substrate = dockerSubstrate({ stateDir: state.path, allowDestroy: true });
let environment: Environment;

describeOnEngine('a change to a running environment on the engine', () => {
  beforeAll(async () => {
    if (newer) await buildImages({ stateDir: state.path, server: newer.path });
    environment = await substrate.apply(planTopology(config), { ephemeral: false });
  });

  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await substrate.destroy(config.name);
    state[Symbol.dispose]();
  });

  it('a change is refused by a plain cdktf deploy of a protected environment, and no node is replaced', async () => {
    const before = await pids();
    const { exitCode, text } = await runPlainCdktf('deploy', asked, state.path);
    expect(exitCode).not.toBe(0);
    expect(text).toContain('would replace redis-1, redis-2, redis-3 at the same time');
    expect(text).toContain('kit apply');
    expect(await pids()).toEqual(before);
  });

  it.runIf(newer)(named('a version change is drift of every node'), async () => {
    const found = await findDrift(planDocker(planTopology(asked)), state.path);
    const versions = found.filter(({ kind }) => kind === 'version');
    expect(versions.map(({ what }) => what)).toEqual(
      nodesOf(environment.topology).map(({ id }) => `kit-rolling-${id}`),
    );
    const expected = { found: expect.stringMatching(/^Redis 7/), expected: newer?.name };
    expect(versions[0]).toMatchObject({ ...expected, nextApply: 'replaces it' });
  });

  it('a rolling change replaces one node at a time, loses no durable write, and leaves no drift', async () => {
    const former = await environment.masterId();
    const cache = openApplicationCache(environment);
    const stop = new AbortController();
    const writing = writeDurably(cache, stop.signal);
    await using change = (await substrate.prepareChange?.(planTopology(asked), {})) as PreparedChange;
    const nodeIds = change.changes.map(({ nodeId }) => nodeId);
    const ids = (nodes: readonly { readonly id: string }[]) => nodes.map(({ id }) => id);
    expect(nodeIds).toEqual(ids(nodesOf(environment.topology)));
    const report = await roll(change, { nodeIds });
    await change.finish(() => {});
    stop.abort();
    const acknowledged = await writing;
    const keys = acknowledged.map((key) => cache.physicalKey(key));
    await cache.close();

    const replaced = report.replaced.map(({ nodeId }) => nodeId);
    expect(replaced).toHaveLength(nodeIds.length);
    expect(replaced.slice(environment.topology.redis.length - 1)).toEqual([
      former,
      ...ids(environment.topology.sentinels),
    ]);
    expect(report.switches.map(({ from }) => from)).toEqual([former]);
    expect(acknowledged.length).toBeGreaterThan(100);
    const lost: string[] = [];
    const master = await environment.admin((await environment.masterId()) as string);
    for (let i = 0; i < keys.length; i += 500) {
      const some = keys.slice(i, i + 500);
      const values = await master.mget(some);
      lost.push(...some.filter((_, k) => values[k] === null));
    }
    expect(lost).toEqual([]);
    for (const { id } of environment.topology.redis) {
      const reply = (await (await environment.admin(id)).config('GET', 'maxmemory')) as readonly string[];
      expect(reply[1]).toBe(String(asked.redis.maxmemory));
    }
    const drift = () => findDrift(planDocker(planTopology(asked)), state.path);
    await waitUntil('no drift', async () => (await drift()).length === 0);
    await using again = (await substrate.prepareChange?.(planTopology(asked), {})) as PreparedChange;
    expect(again.changes).toEqual([]);
  });

  it.runIf(newer)(
    named('a version change gives every node the version, and cannot be reversed'),
    async () => {
      expect(new Set((await nodeServers(environment)).values())).toEqual(new Set([newer?.name]));
      const back = { ...asked, redis: settings };
      await using change = (await substrate.prepareChange?.(planTopology(back), {})) as PreparedChange;
      const refused = { code: 'VERSION_DOWNGRADE', message: expect.stringContaining('RDB version 12') };
      await expect(checkVersions(change.environment, change.server)).rejects.toMatchObject(refused);
      const before = await pids();
      const { exitCode, text } = await runPlainCdktf('deploy', back, state.path);
      expect(exitCode).not.toBe(0);
      expect(text).toContain('cannot keep its data with this server');
      expect(await pids()).toEqual(before);
    },
  );

  const pids = async () => new Map((await environment.status()).map(({ id, pid }) => [id, pid]));
});
