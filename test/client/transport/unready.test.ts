/**
 * Servers that reply with an error instead of serving: LOADING while a server loads its data set, CLUSTERDOWN while
 * slots have no shard.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cache, clusterCache, redisCache } from '../../../client/index.ts';
import { slotOf } from '../../../client/transport/cluster/slot.ts';
import { startCluster } from '../../support/cluster.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

// A slow reply on a busy machine must not cause a miss.
const patient = { commandTimeoutMs: 5000, hangSuspectedMs: 5000 };

const typesOf = (cache: Cache): string[] => {
  const types: string[] = [];
  onTestFinished(cache.on(({ type }) => types.push(type)));
  return types;
};

const replyOf = (redis: RedisProcess): Promise<string> =>
  redis
    .admin()
    .get('l:k1')
    .then(String, ({ message }: Error) => message);

describe('a server that is loading its data set', () => {
  it('serves no command until its data set is loaded, and then serves all commands', async () => {
    await using redis = await RedisProcess.start({
      // Loading takes 20 ms per key until the test removes the delay; between keys the server replies LOADING.
      conf: ['key-load-delay 20000', 'loading-process-events-interval-bytes 1024', 'rdbcompression no'],
    });
    const { address } = redis;
    const cache = redisCache({ address, namespace: 'l', ...patient });
    onTestFinished(async () => void (await cache.close()));
    const types = typesOf(cache);
    const stored = 'x'.repeat(2000);
    await cache.setMany(new Map(Array.from({ length: 500 }, (_, i) => [`k${i}`, stored])));
    await redis.admin().save();
    await redis.kill();
    const restarted = redis.start();
    await waitUntil('the server is loading', async () => /^LOADING /.test(await replyOf(redis)));
    // This write waits until the server is ready.
    const added = cache.setIfAbsent('new', 1);
    expect([await cache.get('k1'), await cache.getOrCompute('k1', () => 'loader')]).toEqual([
      undefined,
      'loader',
    ]);
    expect([cache.connection?.state.kind, await replyOf(redis)]).toEqual([
      'connecting',
      expect.stringMatching(/^LOADING /),
    ]);
    await redis.admin().config('SET', 'key-load-delay', '0');
    expect(await added).toBe(true);
    await restarted;
    await waitUntil('reads are served from Redis again', async () => (await cache.get('k1')) === stored);
    expect([types.includes('lost'), types.includes('moved')]).toEqual([true, false]);
  });
});

describe('a cluster with a slot that no shard serves', () => {
  it('serves all other slots, while the loader or the memory fallback serves the keys of this slot', async () => {
    await using set = await startCluster();
    const cache = clusterCache({
      nodes: set.nodes.map(({ address }) => address),
      namespace: 'c',
      ...patient,
    });
    onTestFinished(async () => void (await cache.close()));
    const types = typesOf(cache);
    const [unserved, beside] = ['{a}', '{b}'];
    for (const key of [unserved, beside]) await cache.set(key, 'stored');
    const slot = slotOf('c:{a}');
    const owner = await set.owner(slot);
    await owner.admin().call('CLUSTER', 'DELSLOTS', slot);
    await expect(owner.admin().get('c:{a}')).rejects.toThrowError('CLUSTERDOWN Hash slot not served');
    for (let i = 0; i < 10; i++) {
      expect(await cache.get(unserved)).toBe(undefined);
      expect(await cache.getOrCompute(`${unserved}${i}`, () => 'loaded')).toBe('loaded');
      expect(await cache.getEntry(beside)).toEqual({ value: 'stored', source: 'redis' });
    }
    expect((await cache.set(unserved, 'memory')).source).toBe('memory');
    expect(await cache.get(unserved)).toBe('memory');
    expect([cache.stats().breaker.kind, types.includes('breaker')]).toEqual(['closed', false]);
    // With this setting, the entire node stops serving, because not all slots are covered.
    await owner.admin().config('SET', 'cluster-require-full-coverage', 'yes');
    await waitUntil('the cluster is down', async () =>
      owner
        .admin()
        .get('c:x{a}')
        .then(() => false)
        .catch((error: Error) => error.message.startsWith('CLUSTERDOWN')),
    );
    expect(await cache.getOrCompute(`${unserved}again`, () => 'loaded')).toBe('loaded');
    await owner.admin().call('CLUSTER', 'ADDSLOTS', slot);
    await waitUntil(
      'the slot is served again',
      async () => (await cache.set(unserved, 'new')).source === 'redis',
    );
    expect(await cache.getEntry(unserved)).toEqual({ value: 'new', source: 'redis' });
  });
});
