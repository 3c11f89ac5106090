/** A Redis Cluster on a real engine: created only by the CDKTF command line, damaged, repaired, and destroyed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { moveSlots, restoreSlots } from '../../../../infra/operations/slot-migration.ts';
import type { Shard } from '../../../../infra/redis/cluster.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { docker, listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { dockerSecrets } from '../../../../infra/substrates/docker/generated-values.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { outputsIn, readState } from '../../../../infra/substrates/docker/state.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy, terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { clusterContract } from '../../../contracts/cluster.contract.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { clusterConfiguration, describeOnEngine, engineStateDir } from './fixtures.ts';

const state = engineStateDir();
afterAll(() => state[Symbol.dispose]());
const substrate = dockerSubstrate({ stateDir: state.path });

describeOnEngine('Docker', () => {
  clusterContract('Docker containers', () => ({
    substrate,
    configuration: clusterConfiguration('shards', 28_100),
  }));
});

describeOnEngine('a cluster on the engine, with TLS', () => {
  const config = { ...clusterConfiguration('shardstls', 28_200), security: { tls: true } };
  const topology = planTopology(config);
  const plan = planDocker(topology);
  const terraform = { stateDir: state.path };
  let environment: Environment;

  beforeAll(async () => {
    // This is exactly the command that a user runs: the kit does nothing afterwards to form the cluster.
    await deploy(config, terraform);
    environment = (await substrate.open(topology)) as Environment;
  });

  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await substrate.destroy(config.name);
    for (const kind of ['container', 'volume', 'network'] as const) {
      expect(await listLabelled(kind, `${LABEL.environment}=${config.name}`)).toEqual([]);
    }
  });

  const shards = async (): Promise<readonly Shard[]> => (await environment.cluster?.shards()) ?? [];
  const missing = async () => environment.cluster?.healthProblem().catch((error: Error) => error.message);
  const healthy = (ms?: number) =>
    waitUntil('the cluster to be healthy', async () => (await missing()) === undefined, ms);
  const drift = () => findDrift(plan, state.path);
  const changes = async () => (await terraformPlan(config, terraform)).changes;

  it('a cluster is healthy when the deploy returns, a second plan changes nothing, and nothing has drifted', async () => {
    // A stall of the machine can interrupt a link for a moment.
    await healthy(10_000);
    expect(await changes()).toBe(false);
    await waitUntil('no drift', async () => (await drift()).length === 0);
  });

  it('a cluster provides the endpoints for a client, and no secrets', async () => {
    const { mode, redis, natMap } = environment.endpoints;
    expect({ mode, seeds: redis.length, mapped: Object.keys(natMap ?? {}).length }).toEqual({
      ...{ mode: 'cluster', seeds: 6, mapped: 6 },
    });
    expect(outputsIn(await readState(config, terraform))).toMatchObject({
      mode: 'cluster',
      tls: 'true',
      ca_file: expect.stringContaining('ca.crt'),
    });
    const secrets = Object.values(dockerSecrets(state.path, config.name).redis).map((each) => each.reveal());
    const names = await listLabelled('container', `${LABEL.environment}=${config.name}`);
    expect(names).toHaveLength(10);
    const texts = [
      readFileSync(join(state.path, 'docker', config.name, 'terraform.tfstate'), 'utf8'),
      await docker(['inspect', ...names]),
      ...[...environment.logs.values()].map((path) => readFileSync(path, 'utf8')),
    ];
    for (const text of texts) expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('a cluster exposes every node to the exporter', async () => {
    for (const { address } of plan.nodes) {
      const target = encodeURIComponent(`rediss://exporter@${address.host}:${address.port}`);
      const url = `http://127.0.0.1:${plan.exporter.published.port}/scrape?target=${target}`;
      const metrics = await (await fetch(url)).text();
      expect(metrics).toMatch(/^redis_cluster_enabled 1$/m);
      expect(metrics).toMatch(/^redis_cluster_state 1$/m);
    }
  });

  it('slots of a cluster move to another master and back with their keys, between containers over TLS', async () => {
    const source = await environment.admin('redis-1');
    for (let i = 0; i < 250; i += 1) await source.set(`{06S}:${i}`, String(i));
    const moved = await moveSlots(environment, { from: 'redis-1', to: 'redis-2', slots: [0, 1] });
    expect(moved).toMatchObject({ slots: 2, keys: 250 });
    expect((await shards())[0]).toMatchObject({
      master: 'redis-2',
      slots: [
        [0, 1],
        [5461, 10_922],
      ],
    });
    expect(await (await environment.admin('redis-2')).get('{06S}:7')).toBe('7');
    expect(await restoreSlots(environment)).toBe(2);
    expect(await source.get('{06S}:7')).toBe('7');
    await waitUntil('the cluster to be healthy', async () => (await missing()) === undefined);
  });

  it('a master that lost its volume returns as a replica of the new master, not as an empty master', async () => {
    const first = plan.nodes[0] as (typeof plan.nodes)[number];
    const master = await environment.admin('redis-1');
    await master.set('{06S}:kept', 'value');
    await replicated(master, 1);
    await docker(['rm', '-f', first.container]);
    await docker(['volume', 'rm', '-f', first.dataVolume]);
    expect((await drift()).map(({ kind }) => kind).sort()).toEqual(['container-missing', 'volume-missing']);
    await deploy(config, terraform);
    await healthy();
    expect((await shards())[0]).toMatchObject({ master: 'redis-4', replicas: ['redis-1'] });
    expect(await (await environment.admin('redis-4')).get('{06S}:kept')).toBe('value');
    expect(await changes()).toBe(false);
    expect(await docker(['logs', first.container])).toMatch(/source: view of 10\./);
  });

  it('a master that is isolated with its clients stops serving, and follows the new master after healing', async () => {
    const heal = await environment.capabilities.partition?.(['redis-2'], { clientsStillReach: true });
    try {
      const write = async () => (await environment.admin('redis-2')).set('{foo}:late', 'x').catch(String);
      await waitUntil('redis-2 to refuse', async () => (await write()).includes('CLUSTERDOWN'));
      await waitUntil('redis-5 to take over', async () => (await shards())[1]?.master === 'redis-5');
    } finally {
      await heal?.();
    }
    await waitUntil('the cluster to be healthy', async () => (await missing()) === undefined, 60_000);
    expect((await shards())[1]).toMatchObject({ master: 'redis-5', replicas: ['redis-2'] });
  });

  it('a deploy of a cluster to another subnet keeps data and roles', async () => {
    const before = (await shards()).map(({ master }) => master);
    const elsewhere = { ...config, docker: { ...config.docker, subnet: '10.127.202.0/24' } };
    await deploy(elsewhere, terraform);
    const handle = (await substrate.open(planTopology(elsewhere))) as Environment;
    try {
      const problem = () => handle.cluster?.healthProblem().catch((error: Error) => error.message);
      await waitUntil('the cluster to be healthy', async () => (await problem()) === undefined);
      const after = (await handle.cluster?.shards()) ?? [];
      expect(after.map(({ master }) => master)).toEqual(before);
      expect(await (await handle.admin(String(before[0]))).get('{06S}:kept')).toBe('value');
    } finally {
      await handle[Symbol.asyncDispose]();
    }
  });
});
