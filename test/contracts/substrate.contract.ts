/** Contract of every substrate, regardless of how it runs the nodes. The suite takes a substrate factory. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { parseInfo, replicasOf } from '../../infra/redis/info.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Substrate } from '../../infra/substrates/substrate.ts';
import { nodesOf, planTopology, type Topology } from '../../infra/topology.ts';
import { replicated, waitUntil } from '../support/redis-process.ts';

export interface SubstrateUnderTest {
  readonly substrate: Substrate;
  /** A master, two replicas and three sentinels with quorum 2. No environment with that name may be running. */
  readonly configuration: EnvironmentConfig;
}

export function substrateContract(what: string, make: () => SubstrateUnderTest): void {
  describe(`the substrate contract of ${what}`, () => {
    let substrate: Substrate;
    let topology: Topology;
    let environment: Environment;

    beforeAll(async () => {
      const made = make();
      substrate = made.substrate;
      topology = planTopology(made.configuration);
      expect((await substrate.plan(topology)).map(({ action }) => action)).toEqual(Array(6).fill('create'));
      expect(await substrate.open(topology)).toBeUndefined();
      environment = await substrate.apply(topology, { ephemeral: false });
    });

    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      await substrate?.destroy(topology.environment.name);
    });

    it('is healthy when apply returns: there is one master, replicas are in sync, and sentinels agree', async () => {
      expect(await environment.masterId()).toBe('redis-1');
      expect((await environment.status()).map(({ id, state }) => `${id} ${state}`)).toEqual(
        nodesOf(topology).map(({ id }) => `${id} running`),
      );
      for (const id of ['redis-2', 'redis-3']) {
        expect(await (await environment.admin(id)).info('replication')).toContain('master_link_status:up');
      }
      for (const { id } of topology.sentinels) {
        const sentinel = await environment.admin(id);
        expect(
          String(await sentinel.call('SENTINEL', 'CKQUORUM', environment.endpoints.serviceName)),
        ).toMatch(/^OK 3 usable Sentinels/);
      }
    });

    it('lets the app user connect to its endpoints, and accepts a durable write immediately', async () => {
      await durably(environment, 'contract:key');
    });

    it('returns the rendered files of every node, with its actual addresses, users and sizes', async () => {
      const rendered = await environment.rendered?.();
      expect([...(rendered ?? [])].map(([id]) => id)).toEqual(nodesOf(topology).map(({ id }) => id));
      for (const [id, { conf, users }] of rendered ?? []) {
        const admin = await environment.admin(id);
        const named = users.split('\n').flatMap((line) => /^user (\S+)/.exec(line)?.[1] ?? []);
        expect([...((await admin.call('ACL', 'USERS')) as string[])].sort(), id).toEqual(named.sort());
        if (!id.startsWith('redis')) continue;
        const [, aclfile] = (await admin.config('GET', 'aclfile')) as string[];
        expect(conf, id).toContain(`\naclfile ${aclfile}\n`);
      }
    });

    it('loads the client’s function library on every node', async () => {
      for (const { id } of topology.redis) {
        const admin = await environment.admin(id);
        await waitUntil(`the library on ${id}`, async () =>
          JSON.stringify(await admin.call('FUNCTION', 'LIST')).includes('redis_cache_kit'),
        );
      }
    });

    it('changes nothing when a running environment is applied again', async () => {
      const before = await environment.status();
      expect((await substrate.plan(topology)).map(({ action }) => action)).toEqual(Array(6).fill('keep'));
      const again = await substrate.apply(topology, { ephemeral: true });
      expect(await again.status()).toEqual(before);
      await again[Symbol.asyncDispose]();
      expect(await environment.status()).toEqual(before);
    });

    it('rejects a changed configuration, shows it in the plan, and leaves the running environment unchanged', async () => {
      const before = await environment.status();
      const changed = planTopology({
        ...topology.environment,
        redis: { ...topology.environment.redis, maxmemory: 64 * 1024 ** 2 },
      });
      expect((await substrate.plan(changed)).map(({ action }) => action)).toEqual(Array(6).fill('replace'));
      await expect(substrate.apply(changed, { ephemeral: false })).rejects.toMatchObject({
        code: 'ENVIRONMENT_CHANGED',
        hint: expect.stringContaining('kit down'),
      });
      expect(await environment.status()).toEqual(before);
    });

    it('opens a running environment as a second handle, whose disposal stops nothing', async () => {
      const opened = await substrate.open(topology);
      expect(await opened?.masterId()).toBe('redis-1');
      await opened?.[Symbol.asyncDispose]();
      expect(await environment.masterId()).toBe('redis-1');
    });

    it('pauses a node, which then does not reply, and heals it idempotently', async () => {
      const heal = await pauseOf(environment)('redis-3');
      expect(stateOf(await environment.status(), 'redis-3')).toBe('paused');
      await expect((await environment.admin('redis-2')).ping()).resolves.toBe('PONG');
      await Promise.all([heal(), heal()]);
      await heal();
      expect(stateOf(await environment.status(), 'redis-3')).toBe('running');
      expect(await (await environment.admin('redis-3')).ping()).toBe('PONG');
    });

    it('reports a killed node as unreachable, and rejects a second kill', async () => {
      await environment.capabilities.kill?.('redis-3');
      expect(stateOf(await environment.status(), 'redis-3')).toBe('stopped');
      await expect(environment.admin('redis-3')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
      await expect(environment.capabilities.kill?.('redis-3')).rejects.toMatchObject({
        code: 'NODE_NOT_RUNNING',
      });
      await environment.capabilities.start?.('redis-3');
      await inSync(environment, 'redis-3');
    });

    it('stops a node cleanly, keeps its data, and rejects a second stop', async () => {
      const { stop, start } = environment.capabilities;
      await stop?.('redis-3');
      expect(stateOf(await environment.status(), 'redis-3')).toBe('stopped');
      await expect(environment.capabilities.stop?.('redis-3')).rejects.toMatchObject({
        code: 'NODE_NOT_RUNNING',
      });
      await start?.('redis-3');
      await inSync(environment, 'redis-3');
    });

    it('isolates nodes from the other nodes but not from clients, if the substrate supports that', async () => {
      const { partition } = environment.capabilities;
      if (partition === undefined) return expect(environment.substrate).toBe('local');
      const replication = async (id: string) =>
        parseInfo(await (await environment.admin(id)).info('replication'));
      const status = (await environment.status()).find(({ id }) => id === 'redis-3');
      const { host, port } = status?.announced ?? status?.address ?? { host: '', port: 0 };
      /**
       * Age, in seconds, of the last message from redis-3 to the master; undefined if the master has closed the
       * connection.
       */
      const lagS = async () =>
        replicasOf(await replication('redis-1')).find((it) => it.ip === host && Number(it.port) === port)
          ?.lag;
      await waitUntil('redis-1 to hear from redis-3', async () => Number(await lagS()) < 3);
      const heal = await partition(['redis-3'], { clientsStillReach: true });
      try {
        // Neither side receives messages from the other, so a master does not count replicas that it cannot reach.
        await waitUntil(
          'redis-3 to lose its master',
          async () => Number((await replication('redis-3')).master_last_io_seconds_ago) >= 3,
        );
        await waitUntil('redis-1 to lose redis-3', async () => Number((await lagS()) ?? 3) >= 3);
        const app = connect(environment, 0);
        expect(await app.set('contract:partition', 'value')).toBe('OK');
        app.disconnect();
      } finally {
        await heal();
        await heal();
      }
      await inSync(environment, 'redis-3');
    });

    it('does not restart a killed master as master after a failover', async () => {
      await durably(environment, 'failover:key');
      await environment.capabilities.kill?.('redis-1');
      await waitUntil(
        'a failover',
        async () => ![undefined, 'redis-1'].includes(await environment.masterId()),
      );
      await environment.capabilities.start?.('redis-1');
      await inSync(environment, 'redis-1');
      expect(await environment.masterId()).not.toBe('redis-1');
      expect(await (await environment.admin('redis-1')).get('failover:key')).toBe('value');
    });

    it('does not restart a killed master as master before the sentinels detect the failure', async () => {
      await waitUntil('the sentinels to complete the failover', async () => sentinelsAgree(environment));
      const master = (await environment.masterId()) as string;
      await environment.capabilities.kill?.(master);
      await environment.capabilities.start?.(master);
      await inSync(environment, master);
      expect(await environment.masterId()).not.toBe(master);
    });

    it('lets a paused master acknowledge writes for at most 1 s after it resumes', async () => {
      await waitUntil('the sentinels to complete the failover', async () => sentinelsAgree(environment));
      const master = (await environment.masterId()) as string;
      const index = topology.redis.findIndex(({ id }) => id === master);
      // This client connects before the pause, so it is not notified of the new master.
      const app = connect(environment, index);
      await app.set('returning:before', 'value');
      const heal = await pauseOf(environment)(master);
      await waitUntil('a failover', async () => ![undefined, master].includes(await environment.masterId()));
      const successor = (await environment.masterId()) as string;
      // The other replica follows the old master until the sentinels reconfigure it, about a second later. The promoted
      // node closes its connections.
      await waitUntil('the other replica to follow the new master', async () => {
        const info = await environment
          .admin(successor)
          .then((redis) => redis.info('replication').catch(() => ''));
        return /^slave0:.*state=online/m.test(info);
      });
      // The sentinels reconfigure the paused master only about 10 s after it resumes.
      const outcomes = await writesAcross(app, heal, () => inSync(environment, master));
      app.disconnect();
      expect(outcomes.length).toBeGreaterThan(0);
      const [first] = outcomes;
      const late = outcomes.filter(({ ok, sentMs }) => ok && sentMs - (first?.repliedMs ?? 0) > 1_000);
      expect(late).toEqual([]);
    });

    it('restarts a sentinel with its earlier state', async () => {
      const before = await (await environment.admin('sentinel-1')).call('SENTINEL', 'MYID');
      await environment.capabilities.kill?.('sentinel-1');
      await environment.capabilities.start?.('sentinel-1');
      expect(await (await environment.admin('sentinel-1')).call('SENTINEL', 'MYID')).toBe(before);
      await waitUntil('the sentinels to agree', async () => sentinelsAgree(environment));
    });

    it('stops and removes everything on destroy, and does nothing on a second destroy', async () => {
      const { name } = topology.environment;
      expect((await substrate.destroy(name)).ended).toEqual(nodesOf(topology).map(({ id }) => id));
      expect(await substrate.destroy(name)).toEqual({ ended: [], removed: [] });
      expect(await substrate.open(topology)).toBeUndefined();
      expect((await environment.status()).every(({ state }) => state === 'stopped')).toBe(true);
    });

    it('stops an ephemeral environment with its handle', async () => {
      const ephemeral = await substrate.apply(topology, { ephemeral: true });
      const { redis } = ephemeral.endpoints;
      await ephemeral[Symbol.asyncDispose]();
      await ephemeral[Symbol.asyncDispose]();
      expect(await substrate.open(topology)).toBeUndefined();
      expect(redis).toHaveLength(3);
      expect((await substrate.plan(topology)).map(({ action }) => action)).toEqual(Array(6).fill('create'));
    });
  });
}

/** Writes to the bootstrap master as the app user, like a client; both replicas confirm the write. */
async function durably(environment: Environment, key: string): Promise<void> {
  const app = connect(environment, 0);
  await app.set(key, 'value');
  await replicated(app, 2);
  app.disconnect();
}

function connect({ endpoints }: Environment, index: number): Redis {
  const redis = new Redis({
    ...endpoints.redis[index],
    username: endpoints.app.username,
    password: endpoints.app.password.reveal(),
    ...(endpoints.tls === undefined ? {} : { tls: { ca: endpoints.tls.ca } }),
  });
  // The caller's commands report the error.
  return redis.on('error', () => undefined);
}

interface Outcome {
  readonly ok: boolean;
  readonly sentMs: number;
  readonly repliedMs: number;
}

/** Replies from a node to sequential writes, from the start of its healing until `done` resolves. */
async function writesAcross(
  app: Redis,
  heal: () => Promise<void>,
  done: () => Promise<void>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let ended = false;
  const writing = (async () => {
    for (let i = 0; !ended; i += 1) {
      const sentMs = performance.now();
      const answer = await app.set(`returning:${i}`, 'value').catch((error: Error) => error);
      outcomes.push({ ok: answer === 'OK', sentMs, repliedMs: performance.now() });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await heal();
  await done().finally(() => {
    ended = true;
  });
  await writing;
  return outcomes;
}

async function inSync(environment: Environment, id: string): Promise<void> {
  const synced = async () => {
    // A node that changes its role closes all connections, so the query is repeated.
    const info = await environment
      .admin(id)
      .then((redis) => redis.info('replication'))
      .catch(() => '');
    return info.includes('role:slave') && info.includes('master_link_status:up');
  };
  await waitUntil(`${id} in sync`, synced);
}

async function sentinelsAgree(environment: Environment): Promise<boolean> {
  const masters = await Promise.all(
    environment.topology.sentinels.map(async ({ id }) => {
      const reply = await (await environment.admin(id)).call('SENTINEL', 'MASTER', 'mymaster');
      return (reply as string[]).slice(0, 10).join(' ');
    }),
  );
  return masters.every((it) => it.endsWith('flags master')) && new Set(masters.map(withoutRunId)).size === 1;
}

function withoutRunId(fields: string): string {
  return fields.replace(/ runid \S*/, '');
}

function pauseOf(environment: Environment): NonNullable<Environment['capabilities']['pause']> {
  const { pause } = environment.capabilities;
  if (pause === undefined) throw new Error('this substrate cannot pause');
  return pause;
}

function stateOf(status: Awaited<ReturnType<Environment['status']>>, id: string): string | undefined {
  return status.find((node) => node.id === id)?.state;
}
