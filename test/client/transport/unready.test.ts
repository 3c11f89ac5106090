/**
 * Servers that reply without serving: LOADING while a server reads its data set, CLUSTERDOWN while slots have no shard.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cache, clusterCache, redisCache } from '../../../client/index.ts';
import { slotOf } from '../../../client/transport/cluster/slot.ts';
import { startCluster } from '../../support/cluster.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

// A busy machine must not cause a miss.
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
  it('serves no command until it has loaded, and then all of them', async () => {
    await using redis = await RedisProcess.start({
      // 20 ms per key, between which it replies LOADING, until the test ends the delay.
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
    await waitUntil('it is loading', async () => /^LOADING /.test(await replyOf(redis)));
    // Waits until the server is ready.
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
    await waitUntil('the memory is given up', async () => (await cache.get('k1')) === stored);
    expect([types.includes('lost'), types.includes('moved')]).toEqual([true, false]);
  });
});

describe('a cluster with a slot that no shard serves', () => {
  it('serves all other slots, and the loader or the memory serves this one', async () => {
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
    // Without full coverage, the entire node stops serving.
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
