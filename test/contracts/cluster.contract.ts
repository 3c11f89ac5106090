/**
 * Contract of every substrate that can run a Redis Cluster. The cluster is formed only at its first start, and never
 * again.
 */
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { clusterSwitchover } from '../../infra/operations/cluster-switchover.ts';
import type { Shard } from '../../infra/redis/cluster.ts';
import { parseClusterNodes } from '../../infra/redis/cluster-nodes.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Substrate } from '../../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../../infra/topology.ts';
import { replicated, waitUntil } from '../support/redis-process.ts';

export interface ClusterUnderTest {
  readonly substrate: Substrate;
  /** Configuration with three masters, each with one replica. No environment with its name may be running. */
  readonly configuration: EnvironmentConfig;
}

export function clusterContract(what: string, make: () => ClusterUnderTest): void {
  describe(`the cluster contract of ${what}`, () => {
    let substrate: Substrate;
    let topology: Topology;
    let environment: Environment;

    beforeAll(async () => {
      const made = make();
      substrate = made.substrate;
      topology = planTopology(made.configuration);
      environment = await substrate.apply(topology, { ephemeral: false });
    });
    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      await substrate?.destroy(topology.environment.name);
    });

    it('is formed when apply returns: all slots are served, all replicas are in sync, all nodes agree', async () => {
      // A stall of the machine can interrupt a link for a moment.
      const problem = () => environment.cluster?.healthProblem().catch((error: Error) => error.message);
      await waitUntil('the cluster to be healthy', async () => (await problem()) === undefined, 10_000);
      expect(await shards()).toEqual([
        { master: 'redis-1', slots: [[0, 5460]], replicas: ['redis-4'] },
        { master: 'redis-2', slots: [[5461, 10_922]], replicas: ['redis-5'] },
        { master: 'redis-3', slots: [[10_923, 16_383]], replicas: ['redis-6'] },
      ]);
      expect(await environment.masterId()).toBeUndefined();
    });

    it('is not changed by a second apply', async () => {
      const before = [await environment.status(), await epochs()];
      const again = await substrate.apply(topology, { ephemeral: false });
      expect([await again.status(), await epochs()]).toEqual(before);
      await again[Symbol.asyncDispose]();
      expect((await substrate.plan(topology)).map(({ action }) => action)).toEqual(Array(6).fill('keep'));
    });

    it('serves every slot, and accepts durable writes, for an ioredis cluster client with the app user', async () => {
      const app = await client();
      try {
        for (let i = 0; i < 60; i += 1) expect(await app.set(`cluster:${i}`, String(i))).toBe('OK');
        for (let i = 0; i < 60; i += 1) expect(await app.get(`cluster:${i}`)).toBe(String(i));
        const sizes = await Promise.all(
          (await shards()).map(async ({ master }) => (await environment.admin(master)).dbsize()),
        );
        expect(
          sizes.every((size) => size > 0),
          sizes.join(),
        ).toBe(true);
        expect(await app.cluster('INFO')).toContain('cluster_state:ok');
      } finally {
        app.disconnect();
      }
    });

    it('replaces a killed master with its replica, and the master returns as a replica', async () => {
      const kept = await durably('failover:key');
      await environment.capabilities.kill?.('redis-1');
      expect((await environment.status())[0]?.state).toBe('stopped');
      await waitUntil('redis-4 to take over', async () => (await shards())[0]?.master === 'redis-4');
      await environment.capabilities.start?.('redis-1');
      await awaitHealthy();
      expect((await shards())[0]).toEqual({
        ...{ master: 'redis-4', slots: [[0, 5460]], replicas: ['redis-1'] },
      });
      expect(await kept()).toBe('value');
    });

    it('keeps the topology after a failover, after an apply, and after a restart of every node', async () => {
      const before = await epochs();
      await substrate.apply(topology, { ephemeral: false }).then((it) => it[Symbol.asyncDispose]());
      expect(await epochs()).toEqual(before);
      const kept = await durably('restart:key');
      for (const { id } of topology.redis) await environment.capabilities.kill?.(id);
      await substrate.apply(topology, { ephemeral: false }).then((it) => it[Symbol.asyncDispose]());
      await awaitHealthy();
      expect((await shards())[0]).toMatchObject({ master: 'redis-4', replicas: ['redis-1'] });
      expect(await kept()).toBe('value');
    });

    it('replaces a hung master, which follows the new master when it resumes', async () => {
      const heal = await environment.capabilities.pause?.('redis-2');
      const view = async () =>
        parseClusterNodes(String(await (await environment.admin('redis-5')).cluster('NODES')));
      const promoted = async () => (await view()).some(({ flags }) => flags.join() === 'myself,master');
      await waitUntil('redis-5 to take over', promoted);
      await heal?.();
      await awaitHealthy();
      expect((await shards())[1]).toMatchObject({ master: 'redis-5', replicas: ['redis-2'] });
    });

    it('switches the master of a shard on request without losing an acknowledged write', async () => {
      const app = await client();
      const acknowledged: string[] = [];
      let isSwitching = true;
      const writing = (async () => {
        for (let i = 0; isSwitching; i++) {
          await app.set(`switch:${i}`, String(i));
          acknowledged.push(`switch:${i}`);
        }
      })();
      try {
        await waitUntil('writes before the switchover', () => acknowledged.length > 3);
        const report = await clusterSwitchover(environment, 'redis-3');
        isSwitching = false;
        await writing;
        expect(report).toMatchObject({ from: 'redis-3', to: 'redis-6' });
        expect(report.writableMs).toBeLessThanOrEqual(report.agreedMs);
        expect((await shards())[2]).toMatchObject({ master: 'redis-6', replicas: ['redis-3'] });
        const values = await Promise.all(acknowledged.map((key) => app.get(key)));
        expect(values).toEqual(acknowledged.map((_, i) => String(i)));
      } finally {
        isSwitching = false;
        app.disconnect();
      }
    });

    it('refuses to switch over a node that is not a master, and names the masters', async () => {
      await expect(clusterSwitchover(environment, 'redis-3')).rejects.toMatchObject({
        code: 'SWITCHOVER_FAILED',
        message: expect.stringMatching(/'redis-3' is not a master; masters: redis-4, redis-5, redis-6$/),
      });
    });

    it('is stopped and removed completely by destroy', async () => {
      const { name } = topology.environment;
      expect((await substrate.destroy(name)).ended).toEqual(topology.redis.map(({ id }) => id));
      expect(await substrate.destroy(name)).toEqual({ ended: [], removed: [] });
      expect(await substrate.open(topology)).toBeUndefined();
    });

    const shards = async (): Promise<readonly Shard[]> => (await environment.cluster?.shards()) ?? [];
    const awaitHealthy = () =>
      waitUntil(
        'the cluster to be healthy',
        async () => (await environment.cluster?.healthProblem()) === undefined,
        60_000,
      );

    /** The epoch that each master reports for itself. Gossip delivers the epochs of other masters later. */
    async function epochs(): Promise<readonly string[]> {
      const views = topology.redis.map(async ({ id }) => {
        const lines = parseClusterNodes(String(await (await environment.admin(id)).cluster('NODES')));
        return lines
          .filter(({ flags }) => flags.includes('myself') && flags.includes('master'))
          .map(({ id: node, configEpoch, slots }) => `${node} ${configEpoch} ${slots.join()}`)
          .sort();
      });
      return (await Promise.all(views)).flat();
    }

    async function client(): Promise<Cluster> {
      const { redis, app, tls, natMap } = environment.endpoints;
      const cluster = new Cluster([...redis], {
        ...(natMap && { natMap: { ...natMap } }),
        redisOptions: {
          username: app.username,
          password: app.password.reveal(),
          ...(tls && { tls: { ca: tls.ca } }),
        },
      });
      cluster.on('error', () => undefined);
      await waitUntil('the stock client to be ready', async () => cluster.status === 'ready');
      return cluster;
    }

    /**
     * Writes to the first shard; its replica confirms the write. Returns a function that reads the key as a client
     * does.
     */
    async function durably(key: string): Promise<() => Promise<string | null>> {
      // The hash tag is in slot 0.
      const tagged = `{06S}:${key}`;
      const app = await client();
      try {
        await app.set(tagged, 'value');
        const { master } = (await shards())[0] as Shard;
        // WAIT concerns the writes of its own connection; the write above comes before this one.
        const admin = await environment.admin(master);
        await admin.set(`${tagged}:after`, '');
        await replicated(admin, 1);
      } finally {
        app.disconnect();
      }
      return async () => {
        const reader = await client();
        return reader.get(tagged).finally(() => reader.disconnect());
      };
    }
  });
}
