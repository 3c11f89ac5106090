/** Exhausts resources of a real Redis. They are restored even if the process that injected the fault is killed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultById } from '../../../harness/faults/index.ts';
import { parseInfo } from '../../../infra/redis/info.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

const HOST = '127.63.0.2';
const MAXMEMORY = 64 * 1024 * 1024;

let server: RedisProcess;
let admin: Redis;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kit-exhaustion-'));
  server = await RedisProcess.start({ host: HOST, conf: [`maxmemory ${MAXMEMORY}`] });
  admin = new Redis({ ...server.address, lazyConnect: true });
  await admin.connect();
});
afterAll(async () => {
  admin.disconnect();
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const environment = () =>
  ({
    substrate: 'local',
    capabilities: {},
    admin: async () => admin,
    status: async () => [],
  }) as unknown as Environment;

const settingOf = async (name: string) => ((await admin.config('GET', name)) as string[])[1];

async function evictedKeys(): Promise<number> {
  return Number(parseInfo(await admin.info('stats')).evicted_keys);
}

/** Connects once. Resolves with the Redis error, or undefined if the connection succeeds. */
async function connectionError(): Promise<string | undefined> {
  const errors: Error[] = [];
  const client = new Redis({
    ...server.address,
    ...{ lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0, enableReadyCheck: false },
  });
  client.on('error', (error) => errors.push(error));
  try {
    await client.connect();
    await client.ping();
    return undefined;
  } catch (error) {
    return `${errors.map(({ message }) => message).join()} ${(error as Error).message}`;
  } finally {
    client.disconnect();
  }
}

describe('saturate-connections', () => {
  it('makes the server refuse new connections but keep existing ones, until the fault is healed', async () => {
    const before = await settingOf('maxclients');
    const { heal, detail } = await faultById('saturate-connections').inject(environment(), 'redis-1');
    expect(detail).toContain('maxclients 50');
    expect(await connectionError()).toBeDefined();
    expect(await admin.ping()).toBe('PONG');
    await Promise.all([heal(), heal()]);
    expect(await settingOf('maxclients')).toBe(before);
    expect(await connectionError()).toBeUndefined();
    await waitUntil('the idle connections to be closed', async () => {
      return Number(parseInfo(await admin.info('clients')).connected_clients) < 10;
    });
  });
});

describe('fill-memory', () => {
  it('makes the server evict keys by its policy while the fault lasts, and leaves no keys behind', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { heal, detail } = await faultById('fill-memory').inject(environment(), 'redis-1');
    expect(detail).toMatch(/^\d+ keys evicted$/);
    const evicted = await evictedKeys();
    await waitUntil('more keys to be evicted', async () => (await evictedKeys()) > evicted);
    await heal();
    expect(await settingOf('maxmemory')).toBe(String(MAXMEMORY));
    expect(await admin.keys('kit:filler:*')).toEqual([]);
  });

  it('makes a server without eviction refuse writes with OOM until the fault is healed', async () => {
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    const { heal } = await faultById('fill-memory').inject(environment(), 'redis-1');
    const value = Buffer.alloc(64 * 1024);
    await expect(admin.set('key', value)).rejects.toThrow(/^OOM/);
    await heal();
    expect(await admin.set('key', value)).toBe('OK');
  });
});

/** Starts a process that injects the fault, and kills it once the fault has taken effect. */
async function injectAndKill(fault: string, dataFolder?: { readonly path: string }): Promise<void> {
  const owner = join(dir, 'owner.ts');
  const root = join(import.meta.dirname, '../../..');
  const { host, port } = server.address;
  writeFileSync(
    owner,
    `import { Redis } from ${JSON.stringify(join(root, 'node_modules/ioredis/built/index.js'))};
     import { faultById } from ${JSON.stringify(join(root, 'harness/faults/index.ts'))};
     const admin = new Redis(${port}, ${JSON.stringify(host)});
     const capabilities = { dataFolder: async () => (${JSON.stringify(dataFolder ?? {})}) };
     const environment = { substrate: 'local', capabilities, admin: async () => admin, status: async () => [] };
     await faultById(${JSON.stringify(fault)}).inject(environment, 'redis-1');
     process.send('injected');`,
  );
  const child = fork(owner, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  child.kill('SIGKILL');
}

it('the server is restored if the process that injected the fault is killed', async () => {
  const before = await settingOf('maxclients');
  await injectAndKill('saturate-connections');
  await waitUntil('maxclients to be restored', async () => (await settingOf('maxclients')) === before);
  expect(await connectionError()).toBeUndefined();
});

const isRoot = process.getuid?.() === 0;

describe(isRoot ? 'fill-disk' : 'fill-disk [skipped: only root can mount a small volume]', () => {
  const onDisk = it.runIf(isRoot);
  const isMounted = (path: string) =>
    readFileSync('/proc/mounts', 'utf8').includes(` ${path}/appendonlydir `);

  onDisk(
    'makes the server refuse writes with MISCONF and serve reads, until the heal or a crash',
    async () => {
      await admin.config('SET', 'appendonly', 'yes');
      await admin.set('kept', 'value');
      const path = String(await settingOf('dir'));
      const own = { ...environment(), capabilities: { dataFolder: async () => ({ path }) } };
      const { heal, detail } = await faultById('fill-disk').inject(own as Environment, 'redis-1');
      expect(detail).toMatch(/^MISCONF .*No space left on device/);
      await expect(admin.set('key', 'value')).rejects.toThrow(/^MISCONF/);
      expect(await admin.get('kept')).toBe('value');
      await heal();
      expect(await admin.set('key', 'value')).toBe('OK');
      expect(isMounted(path)).toBe(false);

      await injectAndKill('fill-disk', { path });
      await waitUntil('the volume to be unmounted', () => !isMounted(path));
      const isWritten = () => admin.set('key', 'value').catch(() => undefined);
      await waitUntil('the server to accept writes', async () => (await isWritten()) === 'OK');
    },
  );
});

describe(
  isRoot ? 'fill-disk and a failover' : 'fill-disk and a failover [skipped: only root can mount]',
  () => {
    const onDisk = it.runIf(isRoot);
    const persistenceOf = async (redis: RedisProcess) => parseInfo(await redis.admin().info('persistence'));
    const isRunning = ({ pid }: RedisProcess) => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    /**
     * Prevents PINGs to the replicas: a PING would be a write that the successor does not have, and would cause a full
     * synchronization.
     */
    const QUIET = ['repl-ping-replica-period 3600'];

    /** Starts a master with a full disk, and the node that will become master. `heal` heals the fault. */
    async function injected({ isReplica }: { readonly isReplica: boolean }) {
      const former = await RedisProcess.start({ host: '127.63.0.3', conf: ['appendonly yes', ...QUIET] });
      const successor = await RedisProcess.start({ host: '127.63.0.4', conf: QUIET });
      const follow = async (replica: RedisProcess, { address: { host, port } }: RedisProcess) => {
        await replica.admin().replicaof(host, port);
        const isLinked = async () =>
          (await replica.admin().info('replication')).includes('master_link_status:up');
        await waitUntil('the replica to be linked', isLinked);
      };
      if (isReplica) await follow(successor, former);
      const path = String(((await former.admin().config('GET', 'dir')) as string[])[1]);
      const started: string[] = [];
      const start = async (id: string) => {
        started.push(id);
        await former.start();
      };
      const { heal } = await faultById('fill-disk').inject(
        {
          substrate: 'local',
          capabilities: { dataFolder: async () => ({ path }), start },
          admin: async () => former.admin(),
          status: async () => [{ id: 'redis-1', state: isRunning(former) ? 'running' : 'stopped' }],
        } as unknown as Environment,
        'redis-1',
      );
      const offsetOf = async (redis: RedisProcess) =>
        parseInfo(await redis.admin().info('replication')).master_repl_offset;
      const failOver = async () => {
        // If the replica did not have all writes, the previous master would copy all data and start a new file.
        if (isReplica)
          await waitUntil(
            'the replica to have all writes',
            async () => (await offsetOf(former)) === (await offsetOf(successor)),
          );
        await successor.admin().replicaof('NO', 'ONE');
        await follow(former, successor);
      };
      const end = async () => {
        await heal().catch(() => undefined);
        for (const redis of [former, successor]) await redis[Symbol.asyncDispose]();
      };
      return { former, successor, heal, failOver, started, path, [Symbol.asyncDispose]: end };
    }

    onDisk(
      'restores the node as a replica that has copied the new master and writes to its disk',
      async () => {
        await using nodes = await injected({ isReplica: false });
        const { former, successor, heal, failOver, started, path } = nodes;
        await failOver();
        // The copy starts a new file. Its rewrites fail on the small volume until Redis delays the next rewrite.
        await waitUntil('the rewrites to be delayed', async () => {
          const { aof_rewrites_consecutive_failures: failures } = await persistenceOf(former);
          return Number(failures) >= 3;
        });
        await heal();
        await heal();
        expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(path);
        await successor.admin().set('after-heal', 'value');
        expect(await successor.admin().wait(1, 20_000)).toBe(1);
        const folder = join(path, 'appendonlydir');
        const texts = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
        await waitUntil('the write to be in a file on the disk', () =>
          texts().join('').includes('after-heal'),
        );
        expect(await persistenceOf(former)).toMatchObject({
          aof_enabled: '1',
          aof_last_bgrewrite_status: 'ok',
        });
        expect(started).toEqual([]);
      },
    );

    onDisk(
      'starts the node if it ended as a replica that could not store a write of its master',
      async () => {
        await using nodes = await injected({ isReplica: true });
        const { former, successor, heal, failOver, started, path } = nodes;
        await failOver();
        await successor.admin().set('key', 'value');
        await waitUntil('the replica to end', () => !isRunning(former));
        await heal();
        expect(started).toEqual(['redis-1']);
        expect(await former.admin().ping()).toBe('PONG');
        expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(path);
      },
    );
  },
);

it('a fault is refused if the environment does not support it', async () => {
  await expect(faultById('fill-disk').inject(environment(), 'redis-1')).rejects.toMatchObject({
    code: 'FAULT_UNAVAILABLE',
  });
});
