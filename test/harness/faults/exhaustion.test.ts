/** Exhausted resources of a real Redis, and their restore, also when the owner of the fault is killed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  it('evicts keys by the policy of the server, goes on, and leaves no key behind', async () => {
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

it('restores the server when the owner of the fault is killed', async () => {
  const before = await settingOf('maxclients');
  const owner = join(dir, 'owner.ts');
  const root = join(import.meta.dirname, '../../..');
  const { host, port } = server.address;
  writeFileSync(
    owner,
    `import { Redis } from ${JSON.stringify(join(root, 'node_modules/ioredis/built/index.js'))};
     import { faultById } from ${JSON.stringify(join(root, 'harness/faults/index.ts'))};
     const admin = new Redis(${port}, ${JSON.stringify(host)});
     const environment = { substrate: 'local', capabilities: {}, admin: async () => admin };
     await faultById('saturate-connections').inject(environment, 'redis-1');
     process.send('injected');`,
  );
  const child = fork(owner, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  expect(await settingOf('maxclients')).toBe('50');
  child.kill('SIGKILL');
  await waitUntil('maxclients to be restored', async () => (await settingOf('maxclients')) === before);
  expect(await connectionError()).toBeUndefined();
});

it('a fault that the environment does not support is refused', async () => {
  await expect(faultById('fill-disk').inject(environment(), 'redis-1')).rejects.toMatchObject({
    code: 'FAULT_UNAVAILABLE',
  });
});
