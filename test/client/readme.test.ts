/** The examples in both READMEs run unchanged against a real Redis. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { healthCheck } from '../../client/extras/health.ts';
import { wrap } from '../../client/extras/wrap.ts';
import * as client from '../../client/index.ts';
import { sentinelCache, tieredCache } from '../../client/index.ts';
import { loadEnvironment } from '../../config/load.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { CLIENT_ENTRIES } from '../architecture/client-rooms.ts';
import { RedisProcess, startSentinelSet } from '../support/redis-process.ts';

it('the example in the main README behaves as described', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'kit-readme-'));
  try {
    const topology = planTopology(loadEnvironment('dev'));
    await using environment = await localSubstrate({ stateDir }).apply(topology, { ephemeral: true });
    const { sentinels, app, sentinel } = environment.endpoints;
    const credentials = {
      username: app.username,
      password: app.password.reveal(),
      sentinelUsername: sentinel.username,
      sentinelPassword: sentinel.password.reveal(),
    };
    const loadUser = async (id: number) => ({ id, name: 'Ada' });
    const order = { total: 12 };

    // #region readme
    const cache = sentinelCache({ sentinels, serviceName: 'mymaster', ...credentials });

    // One load per key at a time. While Redis is unreachable, the value comes from memory or the loader.
    const user = await cache.getOrCompute('user:42', () => loadUser(42), { ttlSeconds: 300 });

    // Resolves once a replica has acknowledged the write, or rejects with an error that has an `outcome`.
    const receipt = await cache.set('order:7', order, { durability: { replicas: 1, timeoutMs: 1000 } });

    await cache.close();
    // #endregion

    expect(user).toEqual({ id: 42, name: 'Ada' });
    expect(receipt.source).toBe('redis');
    expect(receipt.replicas).toBeGreaterThanOrEqual(1);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});

it('the main README contains exactly that example', async () => {
  const region = /\/\/ #region readme\n([\s\S]*?)\n *\/\/ #endregion/.exec(
    await readFile(import.meta.filename, 'utf8'),
  )?.[1];
  const shown = /```ts\nimport \{ sentinelCache \} from '@redis-cache-kit\/client';\n\n([\s\S]*?)\n```/.exec(
    await readFile('README.md', 'utf8'),
  )?.[1];
  expect(shown).toBe(region?.replace(/^ {4}/gm, ''));
});

describe("the client's README", () => {
  const computed: number[][] = [];
  const computeArea = async (a: number, b: number) => {
    computed.push([a, b]);
    return a * b;
  };
  const loadUser = async (id: number, signal: AbortSignal) => ({ id, aborted: signal.aborted });
  const loadPrices = async (keys: readonly string[]) => new Map(keys.map((key, i) => [key, i]));
  const order = { total: 12 };

  it('opens a cache over sentinels, loads, invalidates, and writes with durability', async () => {
    await using set = await startSentinelSet();
    const password = 'secret';
    for (const node of set.redis)
      await node.admin().call('ACL', 'SETUSER', 'app', 'on', `>${password}`, '~*', '&*', '+@all');
    const sentinels = set.sentinels.map(({ address }) => address);

    // #region open
    const cache = sentinelCache({ sentinels, username: 'app', password, namespace: 'shop' });

    const user = await cache.getOrCompute('user:42', ({ signal }) => loadUser(42, signal), {
      ttlSeconds: 300,
      // For 60 s after the TTL, return the stale value at once and refresh it in the background.
      staleWhileRevalidateSeconds: 60,
      // For an hour after the TTL, return the stale value if the loader fails.
      graceSeconds: 3600,
      hardTimeoutMs: 2000,
      tags: ['users'],
    });
    // One command, regardless of the number of entries with this tag.
    await cache.invalidateTags('users');

    // Resolves once a replica has acknowledged the write, or rejects with an error that has an `outcome`.
    await cache.set('order:7', order, { durability: { replicas: 1, timeoutMs: 1000 } });
    await cache.close();
    // #endregion

    expect(user).toEqual({ id: 42, aborted: false });
    const master = await set.master();
    expect(await master.admin().exists('shop:order:7')).toBe(1);
  });

  it('stores rich values in two tiers, loads many keys, wraps a function, and checks the health', async () => {
    await using redis = await RedisProcess.start();
    const url = `redis://${redis.address.host}:${redis.address.port}`;

    // #region tiers
    const cache = tieredCache({
      url,
      // Preserves Date, Map, Set, typed arrays and bigint for these keys. Other keys use JSON.
      codecs: [{ pattern: 'session:', codec: 'binary' }],
      deflateAboveBytes: 1024,
    });
    await cache.set('session:1', { since: new Date(0), seen: new Set(['a']) }, { ttlSeconds: 600 });
    const prices = await cache.getOrComputeMany(['price:1', 'price:2'], (missing) => loadPrices(missing), {
      ttlSeconds: 60,
    });
    const area = wrap(computeArea, { cache, domain: 'area' });
    const sum = (await area(2, 3)) + (await area(2, 3));
    const { status } = await healthCheck(cache);
    await cache.close();
    // #endregion

    expect([...prices]).toEqual([
      ['price:1', 0],
      ['price:2', 1],
    ]);
    expect([sum, computed, status]).toEqual([12, [[2, 3]], 'healthy']);
    const again = tieredCache({ url });
    expect(await again.get('session:1')).toEqual({ since: new Date(0), seen: new Set(['a']) });
    await again.close();
  });

  it('contains exactly the code of these tests', async () => {
    const [readme, source] = await Promise.all([
      readFile('client/README.md', 'utf8'),
      readFile(import.meta.filename, 'utf8'),
    ]);
    const shown = [...readme.matchAll(/```ts\n(?:import .*\n)+\n([\s\S]*?)\n```/g)].map(([, text]) => text);
    const regions = ['open', 'tiers'].map((name) =>
      new RegExp(`// #region ${name}\\n([\\s\\S]*?)\\n *// #endregion`)
        .exec(source)?.[1]
        ?.replace(/^ {4}/gm, ''),
    );
    expect(shown).toEqual(regions);
  });

  it('lists only existing exports', async () => {
    const readme = await readFile('client/README.md', 'utf8');
    const table = /## API overview\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? '';
    const listed = [...table.matchAll(/^\|.*$/gm)].flatMap(([row]) => [...row.matchAll(/`([\w.-]+)`/g)]);
    const cache = client.memoryCache();
    const entries = CLIENT_ENTRIES.map((path) => import(join(process.cwd(), path)) as Promise<object>);
    const exported = new Set((await Promise.all(entries)).flatMap((entry) => Object.keys(entry)));
    const { peerDependencies } = JSON.parse(await readFile('client/package.json', 'utf8'));
    const there = (name: string) => exported.has(name) || name in cache || name in peerDependencies;
    const missing = listed.map(([, name]) => name ?? '').filter((name) => !there(name.replace('cache.', '')));
    await cache.close();
    expect(listed.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
  });
});
