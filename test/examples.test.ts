/** The examples behave on a real Redis as documented, and the guides show regions of them verbatim. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cache, redisCache } from '../client/index.ts';
import { background } from '../examples/background.ts';
import * as caching from '../examples/caching.ts';
import { comparison } from '../examples/comparison.ts';
import * as deployments from '../examples/deployments.ts';
import { integration } from '../examples/integration.ts';
import { llm } from '../examples/llm.ts';
import * as migration from '../examples/migration.ts';
import { PATIENT_LIMITS } from './support/patient-limits.ts';
import { RedisProcess, startSentinelSet, waitUntil } from './support/redis-process.ts';

const TOP = resolve(import.meta.dirname, '..');
const GUIDES = ['docs/caching-guide.md', 'docs/deployment-guide.md', 'docs/migration.md'];

let redis: RedisProcess;
let url: string;
beforeAll(async () => {
  redis = await RedisProcess.start();
  url = `redis://${redis.address.host}:${redis.address.port}`;
});
afterAll(() => redis[Symbol.asyncDispose]());

async function withCache<T>(cache: Cache, run: (cache: Cache) => Promise<T>): Promise<T> {
  try {
    await cache.ping();
    return await run(cache);
  } finally {
    await cache.clear();
    await cache.close();
  }
}

describe('the examples in the caching guide', () => {
  const shop = () => ({
    users: new Map([[1, { id: 1, name: 'Ada' }]]),
    prices: async (ids: readonly string[]) => new Map(ids.map((id) => [id, id.length])),
  });

  it('load a user once, and show a changed user', async () => {
    await withCache(redisCache({ url, namespace: 'guide' }), async (cache) => {
      const data = shop();
      expect(await caching.readUser(cache, data, 1)).toEqual({ id: 1, name: 'Ada' });
      expect(await caching.readUser(cache, data, 2)).toBeUndefined();
      await waitUntil('the user is cached', async () => (await cache.get('user:1')) !== undefined);
      await caching.changeUser(cache, data, { id: 1, name: 'Grace' });
      expect(await caching.readUser(cache, data, 1)).toEqual({ id: 1, name: 'Grace' });
    });
  });

  it('invalidate by tag, load many keys, and run a job once', async () => {
    await withCache(redisCache({ url, namespace: 'guide' }), async (cache) => {
      expect(await caching.tags(cache)).toEqual(['<html>', undefined]);
      expect([...(await caching.many(cache, shop()))]).toEqual([
        ['price:1', 7],
        ['price:2', 7],
        ['price:3', 7],
      ]);
      expect([await caching.once(cache, '7'), await caching.once(cache, '7')]).toEqual([true, false]);
    });
  });

  it('keep a page for the lifetime that its server sets, and do not keep an error page', async () => {
    await withCache(caching.withRichValues(url), async (cache) => {
      let fetched = 0;
      const answer = (status: number) => async () => {
        fetched += 1;
        return new Response(`page ${fetched}`, {
          status,
          headers: { 'cache-control': 'public, max-age=100' },
        });
      };
      const page = (status: number) => caching.readPage(cache, answer(status), 'https://example.org/a');
      expect(await page(500)).toBe('page 1');
      expect(await page(200)).toBe('page 2');
      await waitUntil(
        'the value is stored',
        async () => ((await cache.ttl('page:https://example.org/a')) ?? 0) > 90,
      );
      expect(await page(200)).toBe('page 2');
      await cache.invalidateTags('example.org');
      expect(await page(200)).toBe('page 3');
    });
  });

  it('preserve rich values', async () => {
    await withCache(caching.withRichValues(url), async (cache) => {
      const session = { since: new Date(0), seen: new Set(['a']), ids: new Float64Array(500) };
      await cache.set('session:1', session);
      expect(await cache.get('session:1')).toEqual(session);
    });
  });
});

describe('the examples in the deployment guide', () => {
  it('connect to one Redis, by address, by URL and with a first tier', async () => {
    for (const cache of [
      deployments.single(redis.address, {}),
      deployments.managed(url),
      deployments.tiered(redis.address, {}),
    ])
      await withCache(cache, async () => {
        expect((await cache.set('k', 1)).source).toBe('redis');
        expect(await cache.get('k')).toBe(1);
      });
  });

  it('connect to sentinels', async () => {
    await withSentinels(async (list) => {
      await withCache(deployments.sentinels(list, {}), async (cache) => {
        expect((await cache.set('k', 1)).source).toBe('redis');
      });
    });
  });

  it('connect to a cluster', async () => {
    await withCluster(async (node) => {
      await withCache(deployments.cluster([node.address], {}), async (cache) => {
        await cache.set('k', 1);
        expect(await cache.get('k')).toBe(1);
      });
    });
  });
});

async function withSentinels(
  run: (sentinels: readonly { host: string; port: number }[]) => Promise<void>,
): Promise<void> {
  await using set = await startSentinelSet();
  await run(set.sentinels.map(({ address }) => address));
}

async function withCluster(run: (node: RedisProcess) => Promise<void>): Promise<void> {
  await using node = await RedisProcess.start({ conf: ['cluster-enabled yes'] });
  await node.admin().call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await waitUntil('the cluster is up', async () =>
    String(await node.admin().call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
  );
  await run(node);
}

describe('the example programs', () => {
  it('integration: a vector search is requested once', async () => {
    const { first, again, loads, status } = await integration(url);
    expect(again).toEqual(first);
    expect([loads, status]).toEqual([1, 'healthy']);
  });

  it('llm: the model is called again only after its responses are invalidated', async () => {
    const { fresh, renewed, calls } = await llm(url);
    expect([fresh.cached, renewed.cached, calls]).toEqual([false, false, 2]);
  });

  it('background: warms, writes behind and counts', async () => {
    const { reports, written, rows } = await background(url);
    expect(reports.map(({ strategy, failed }) => [strategy, failed])).toEqual([
      ['critical-application-data', 0],
      ['front-page', 0],
    ]);
    expect(written).toMatchObject({ stored: 1, coalesced: 9, lost: 0 });
    expect([...rows]).toEqual([['views:home', 10]]);
  });

  it('comparison: a cache saves repeated queries', async () => {
    // On a busy machine, a late reply from Redis would cause an additional query.
    const rows = await comparison(url, { ...PATIENT_LIMITS, compute: { replyTimeoutMs: 5000 } });
    expect(rows.map(({ load, cache, databaseQueries }) => [load, cache, databaseQueries])).toEqual([
      ['50 realistic', 'none', 50],
      ['50 realistic', 'memory', 10],
      ['50 realistic', 'Redis', 10],
      ['100 Zipf', 'none', 100],
      ['100 Zipf', 'memory', 20],
      ['100 Zipf', 'Redis', 20],
    ]);
    expect(rows[2]?.hitRatio).toBe(0.8);
  });

  it('migration: the new code behaves like the old code', async () => {
    const loadUser = async (id: number) => ({ id, name: 'Ada' });
    const ada = { id: 42, name: 'Ada' };
    await withCache(redisCache({ url }), async (cache) => {
      expect(await migration.fromIoredis(cache, loadUser)).toEqual({ user: ada, visits: 1 });
    });
    expect(await migration.fromBentocache(url, loadUser)).toEqual(ada);
    expect(await migration.fromCacheManager(url, loadUser)).toEqual(ada);
  });
});

describe('the snippets', () => {
  const snippets = GUIDES.flatMap((guide) =>
    [...readFileSync(join(TOP, guide), 'utf8').matchAll(/```ts(?: (\S+) (\S+))?\n([\s\S]*?)```/g)].map(
      ([, file, region, shown]) => ({ guide, file, region, shown }),
    ),
  );

  it.each(snippets)('$guide: $region is the code of $file', ({ file, region, shown }) => {
    const text = readFileSync(join(TOP, file ?? ''), 'utf8');
    const body = new RegExp(`// #region ${region}\n([\\s\\S]*?) *// #endregion`).exec(text)?.[1];
    expect(shown).toBe(dedented(body ?? 'no such region'));
  });

  it('show every example in at least one guide', () => {
    const named = new Set(
      GUIDES.flatMap((guide) =>
        [...readFileSync(join(TOP, guide), 'utf8').matchAll(/examples\/[\w-]+\.ts/g)].map(([name]) => name),
      ),
    );
    expect(
      readdirSync(join(TOP, 'examples')).filter(
        (name) => name.endsWith('.ts') && !named.has(`examples/${name}`),
      ),
    ).toEqual([]);
  });
});

function dedented(text: string): string {
  const indent = Math.min(
    ...text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => line.search(/\S/)),
  );
  return text
    .split('\n')
    .map((line) => line.slice(indent))
    .join('\n');
}
