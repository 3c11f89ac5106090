/** Exhausted resources of a real Redis, and their restoration, even when the owner of the fault is killed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  ({ substrate: 'local', capabilities: {}, admin: async () => admin }) as unknown as Environment;

const settingOf = async (name: string) => ((await admin.config('GET', name)) as string[])[1];

async function evictedKeys(): Promise<number> {
  return Number(parseInfo(await admin.info('stats')).evicted_keys);
}

/** Connects once; resolves with the error of Redis, or undefined. */
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
  it('refuses new connections, keeps existing ones, and accepts all after the heal', async () => {
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
  it('evicts keys by the policy of the server, continues, and leaves no key behind', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { heal, detail } = await faultById('fill-memory').inject(environment(), 'redis-1');
    expect(detail).toMatch(/^\d+ keys evicted$/);
    const evicted = await evictedKeys();
    await waitUntil('more keys to be evicted', async () => (await evictedKeys()) > evicted);
    await heal();
    expect(await settingOf('maxmemory')).toBe(String(MAXMEMORY));
    expect(await admin.keys('kit:filler:*')).toEqual([]);
  });

  it('makes a server without eviction refuse writes with OOM until the heal', async () => {
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
     const environment = { substrate: 'local', capabilities, admin: async () => admin };
     await faultById(${JSON.stringify(fault)}).inject(environment, 'redis-1');
     process.send('injected');`,
  );
  const child = fork(owner, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  child.kill('SIGKILL');
}

it('restores the server when the owner of the fault is killed', async () => {
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
      expect(await admin.set('key', 'value')).toBe('OK');
    },
  );
});

it('a fault that the environment does not support is refused', async () => {
  await expect(faultById('fill-disk').inject(environment(), 'redis-1')).rejects.toMatchObject({
    code: 'FAULT_UNAVAILABLE',
  });
});
