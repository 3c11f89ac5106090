/**
 * A cluster on three Docker engines, each with its own address, with TLS. The host of a master and of a replica of another shard
 * fails entirely, including its engine, and returns.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Cache, clusterCache } from '../../../../../client/index.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../../config/schema.ts';
import { findDrift } from '../../../../../infra/substrates/docker/drift.ts';
import { listLabelled } from '../../../../../infra/substrates/docker/engine.ts';
import { enginesOf } from '../../../../../infra/substrates/docker/engines.ts';
import { LABEL, planDocker } from '../../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../../infra/substrates/docker/substrate.ts';
import { terraformPlan } from '../../../../../infra/substrates/docker/terraform.ts';
import type { Environment } from '../../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../../infra/topology.ts';
import type { EnvironmentView } from '../../../../../scripts/environment-view.ts';
import { type FurtherHost, HostNetwork } from '../../../../support/further-host.ts';
import { callKit } from '../../../../support/kit-call.ts';
import { waitUntil } from '../../../../support/redis-process.ts';
import { clusterConfiguration, describeOnEngine, engineStateDir } from '../fixtures.ts';

const state = engineStateDir();
const substrate = dockerSubstrate({ stateDir: state.path });
const MAIN = 'unix:///var/run/docker.sock';
const NAME = 'clusterhosts';
/** Longer than a stall of a busy machine, which would promote a replica before the host is lost. */
const NODE_TIMEOUT_MS = 5_000;
/** One election, a second one four node timeouts later, and the start of the clients on a busy machine. */
const FAILOVER_BOUND_MS = 6 * NODE_TIMEOUT_MS + 60_000;
const KEYS = Array.from({ length: 60 }, (_, i) => `hosts:${i}`);

const openCache = ({ endpoints: { redis, natMap, app, tls }, topology }: Environment): Cache =>
  clusterCache({
    ...(tls && { tls: { ca: tls.ca } }),
    ...{ nodes: redis, natMap: natMap ?? {}, namespace: topology.environment.client.namespace },
    ...{ username: app.username, password: app.password.reveal() },
  });

describeOnEngine('a cluster on three hosts', () => {
  let network: HostNetwork;
  let lost: FurtherHost;
  let config: EnvironmentConfig;
  let environment: Environment;
  let cache: Cache;
  const file = join(state.path, 'cluster-hosts.yaml');
  const kit = (verb: string, ...args: readonly string[]) =>
    callKit(verb, '--env', file, '--substrate', 'docker', ...args);
  const status = async () => JSON.parse((await kit('status', '--json')).out) as EnvironmentView;
  const masters = async () => ((await environment.cluster?.shards()) ?? []).map(({ master }) => master);
  /** Writes every key, and returns the keys that were not acknowledged by Redis. */
  const unwritten = async (value: number, options: Parameters<Cache['set']>[2] = {}) => {
    const writes = KEYS.map(async (key) => {
      const written = await cache.set(key, value, options).catch(() => undefined);
      return written?.source === 'redis' ? [] : [key];
    });
    return (await Promise.all(writes)).flat();
  };
  /** Returns the keys that do not have the value in Redis. */
  const unread = async (value: number) => {
    const entries = await Promise.all(KEYS.map((key) => cache.getEntry(key).catch(() => undefined)));
    return KEYS.filter((_, i) => entries[i]?.source !== 'redis' || entries[i]?.value !== value);
  };

  beforeAll(async () => {
    expect(process.getuid?.(), 'network namespaces require root').toBe(0);
    network = await HostNetwork.create('kitclhosts', '10.203.79');
    const first = await network.start('a', 2);
    lost = await network.start('b', 3);
    const { cluster, ...rest } = clusterConfiguration(NAME, 29_700);
    config = environmentSchema.parse({
      ...rest,
      cluster: { ...cluster, nodeTimeoutMs: NODE_TIMEOUT_MS },
      // As on a real network: the cluster bus has no password.
      security: { tls: true },
      hosts: [first.setting, lost.setting, { name: 'c', engine: MAIN, address: network.address }],
    });
    writeFileSync(file, JSON.stringify(config));
    vi.stubEnv('KIT_STATE_DIR', state.path);
    environment = await substrate.apply(planTopology(config), { ephemeral: false });
    cache = openCache(environment);
  });

  afterAll(async () => {
    await cache?.close();
    await environment?.[Symbol.asyncDispose]();
    try {
      await substrate.destroy(NAME, { configuration: config });
      for (const engine of enginesOf(config)) {
        for (const kind of ['container', 'volume', 'network'] as const)
          expect(await listLabelled(kind, `${LABEL.environment}=${NAME}`, engine)).toEqual([]);
      }
    } finally {
      await network?.[Symbol.asyncDispose]();
      vi.unstubAllEnvs();
      state[Symbol.dispose]();
    }
  });

  it('has one master per host, and each replica on another host than its master', async () => {
    const plan = planDocker(planTopology(config));
    const hosts = Object.fromEntries(plan.nodes.map(({ id, engine }) => [id, engine?.host]));
    expect(hosts).toEqual({
      ...{ 'redis-1': 'a', 'redis-2': 'b', 'redis-3': 'c' },
      ...{ 'redis-4': 'b', 'redis-5': 'c', 'redis-6': 'a' },
    });
    expect(await masters()).toEqual(['redis-1', 'redis-2', 'redis-3']);
    expect((await status()).nodes.map(({ id, host }) => [id, host])).toEqual(Object.entries(hosts));
  });

  it('is not changed by a second plan', async () => {
    expect((await terraformPlan(config, { stateDir: state.path })).changes).toBe(false);
  });

  it('serves every slot again after the loss of a host, with every durable write', async () => {
    const durably = { durability: { replicas: 1, timeoutMs: 1_000 } };
    await waitUntil('durable writes to every shard', async () => (await unwritten(1, durably)).length === 0);
    expect(await masters()).toEqual(['redis-1', 'redis-2', 'redis-3']);

    await lost.lose();
    const served = async () => {
      const [info, owners] = await Promise.all([
        Promise.all(
          ['redis-1', 'redis-3', 'redis-5', 'redis-6'].map(async (id) =>
            String(await (await environment.admin(id)).call('CLUSTER', 'INFO').catch(() => '')),
          ),
        ),
        masters(),
      ]);
      const isWhole = info.every(
        (text) => text.includes('cluster_state:ok') && text.includes('cluster_slots_ok:16384'),
      );
      return isWhole && owners.join() === 'redis-1,redis-5,redis-3';
    };
    await waitUntil('every slot to be served without the host', served, FAILOVER_BOUND_MS);
    await waitUntil('every durable write', async () => (await unread(1)).length === 0, FAILOVER_BOUND_MS);
    await waitUntil(
      'writes to every shard',
      async () => (await unwritten(2)).length === 0,
      FAILOVER_BOUND_MS,
    );
  });

  it('names the lost host and its nodes in kit status', async () => {
    const { out, exitCode } = await kit('status');
    expect(out).toContain('host b is unreachable: the state of redis-2, redis-4 is unknown');
    expect(exitCode).toBe(1);
  });

  it('is healthy after the host has returned, and the old master follows the new one', async () => {
    await lost.restore();
    await waitUntil('the cluster to be healthy', async () => (await status()).healthy, 120_000);
    expect((await environment.cluster?.shards())?.[1]).toMatchObject({
      ...{ master: 'redis-5', replicas: ['redis-2'] },
    });
    expect(await unread(2)).toEqual([]);
    const noDrift = async () => (await findDrift(planDocker(planTopology(config)), state.path)).length === 0;
    // A failed health check is repeated every 10 s.
    await waitUntil('no drift', noDrift, 90_000);
  });

  it('reports the host with two masters, until a switchover returns one of them', async () => {
    expect((await kit('status')).out).toContain(
      'host c has 2 of 3 masters (redis-5, redis-3), and its loss would leave no majority: run kit switchover --shard redis-5',
    );
    const switched = await kit('switchover', '--shard', 'redis-5');
    expect(switched.err).not.toContain('refused');
    expect(await masters()).toEqual(['redis-1', 'redis-2', 'redis-3']);
    expect((await kit('status')).out).not.toContain('masters (');
  });
});
