/** Slow is not hung: large values over a slow connection, and blocked processes. */
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Cache,
  type CacheEvent,
  connect,
  OutcomeUnknownError,
  type RedisCacheOptions,
  redisCache,
} from '../../client/index.ts';
import { resolveConnection } from '../../client/options/connection-options.ts';
import { openConnection } from '../../client/transport/index.ts';
import { ProxyServer } from '../../harness/faults/proxy/server.ts';
import { startBurstRelay } from '../support/burst-relay.ts';
import { RedisProcess, startSentinelSet, waitUntil } from '../support/redis-process.ts';

const host = '127.61.0.10';
/** A value that takes 400 ms at 5 MB/s. */
const LARGE = 'x'.repeat(2_000_000);

interface Line {
  readonly cache: Cache;
  readonly events: readonly CacheEvent[];
  readonly redis: RedisProcess;
  readonly proxy: ProxyServer;
}

/** A cache behind a proxy with a bandwidth of 5 MB/s in each direction. */
async function narrow(options: RedisCacheOptions = {}): Promise<Line> {
  const redis = await RedisProcess.start({ host });
  const proxy = await ProxyServer.start(redis.address);
  for (const stream of ['upstream', 'downstream'] as const)
    proxy.add(stream, { type: 'bandwidth', attributes: { rate: 5000 }, stream });
  const cache = redisCache({ address: proxy.address, namespace: 'line', ...options });
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  onTestFinished(async () => {
    await cache.close();
    await proxy.close();
    await redis[Symbol.asyncDispose]();
  });
  await cache.ping();
  return { cache, events, redis, proxy };
}

const troubleEvents = (events: readonly CacheEvent[]): readonly string[] =>
  events.map(({ type }) => type).filter((type) => ['suspect', 'lost', 'breaker', 'fallback'].includes(type));

/**
 * Reads a small key repeatedly until the work completes. Returns the result of the work and the sources of the reads.
 */
async function measureDuring<T>(
  cache: Cache,
  work: Promise<T>,
): Promise<{ readonly result: T; readonly sources: readonly string[] }> {
  let isDone = false;
  const end = (): void => {
    isDone = true;
  };
  work.then(end, end);
  const reads: Promise<string>[] = [];
  while (!isDone) {
    reads.push(cache.lookup('small').then(({ found, source }) => `${found} ${source}`));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { result: await work, sources: await Promise.all(reads) };
}

describe('a value whose transfer takes 400 ms', () => {
  it('is read, and concurrent small reads do not miss', async () => {
    const { cache, events } = await narrow();
    expect(await cache.set('large', LARGE)).toEqual({ source: 'redis' });
    await cache.set('small', 1);
    const startedAt = performance.now();
    const { result, sources } = await measureDuring(cache, cache.getEntry<string>('large'));
    // Verifies that the connection was slow.
    expect(performance.now() - startedAt).toBeGreaterThan(300);
    expect(result?.source).toBe('redis');
    expect(result?.value.length).toBe(LARGE.length);
    expect(sources.length).toBeGreaterThan(10);
    expect(new Set(sources)).toEqual(new Set(['true redis']));
    expect(troubleEvents(events)).toEqual([]);
    expect(cache.stats()).toMatchObject({ errors: 0, breakerTransitions: 0 });
  });

  it('is read from Redis, not loaded, by getOrCompute and by getOrComputeMany', async () => {
    const { cache, events } = await narrow();
    await cache.set('large', LARGE);
    await cache.set('small', 1);
    let loads = 0;
    const load = (): string => {
      loads += 1;
      return 'loaded';
    };
    for (let i = 0; i < 3; i++) {
      const asked = [cache.getOrComputeEntry('large', load), cache.getOrComputeEntry('small', load)] as const;
      const [large, small] = await Promise.all(asked);
      expect([large.source, small.source]).toEqual(['redis', 'redis']);
    }
    const many = await cache.getOrComputeMany(['large', 'small'], () => {
      loads += 1;
      return new Map();
    });
    expect(many.size).toBe(2);
    expect(loads).toBe(0);
    expect(troubleEvents(events)).toEqual([]);
  });

  it('is not loaded if it arrives in bursts that are further apart than replyTimeoutMs', async () => {
    await using redis = await RedisProcess.start({ host });
    await using line = await startBurstRelay(redis.address, 500_000, 100);
    const direct = redisCache({ address: redis.address, namespace: 'line' });
    await direct.set('large', LARGE);
    await direct.set('small', 1);
    await direct.close();
    const cache = redisCache({ address: line.address, namespace: 'line' });
    const events: CacheEvent[] = [];
    cache.on((event) => events.push(event));
    onTestFinished(async () => void (await cache.close()));
    await waitUntil('the connection is ready', () => cache.connection?.state.kind === 'ready');
    for (let i = 0; i < 2; i++) {
      const asked = [
        cache.getOrComputeEntry('large', () => 'loaded'),
        cache.getOrComputeEntry('small', () => 2),
      ];
      for (const { source } of await Promise.all(asked)) expect(source).toBe('redis');
    }
    expect(cache.stats().loads).toBe(0);
    expect(troubleEvents(events)).toEqual([]);
  });

  it('is written asynchronously and durably, and concurrent small reads do not miss', async () => {
    const { cache, events, redis } = await narrow({ commandTimeoutMs: 3000 });
    const { port } = redis.address;
    await using _replica = await RedisProcess.start({ host, conf: [`replicaof ${host} ${port}`] });
    await waitUntil('the replica is in sync', async () =>
      /slave0:.*state=online/.test(await redis.admin().info('replication')),
    );
    await cache.set('small', 1);
    for (const durability of ['async', { replicas: 1, timeoutMs: 1000 }] as const) {
      const startedAt = performance.now();
      const { result, sources } = await measureDuring(cache, cache.set('large', LARGE, { durability }));
      expect(performance.now() - startedAt).toBeGreaterThan(300);
      expect(result.source).toBe('redis');
      expect(new Set(sources)).toEqual(new Set(['true redis']));
    }
    const writing = cache.set('large', LARGE);
    const entry = await cache.getOrComputeEntry('small', () => 'loaded');
    expect(entry).toEqual({ value: 1, source: 'redis' });
    await writing;
    expect(troubleEvents(events)).toEqual([]);
    expect(cache.stats().breakerTransitions).toBe(0);
  });

  it('is read from a replica, whose connection stays open', async () => {
    const set = await startSentinelSet();
    const proxies = await Promise.all(set.redis.map(({ address }) => ProxyServer.start(address)));
    const natMap = Object.fromEntries(
      set.redis.map(({ address }, i) => [
        `${address.host}:${address.port}`,
        (proxies[i] as ProxyServer).address,
      ]),
    );
    const connection = openConnection(
      resolveConnection({
        mode: 'sentinel',
        sentinels: set.sentinels.map(({ address }) => address),
        natMap,
        replicaReads: { maxStalenessMs: 5000 },
        commandTimeoutMs: 5000,
      }),
    );
    onTestFinished(async () => {
      await connection.close();
      for (const proxy of proxies) await proxy.close();
      await set[Symbol.asyncDispose]();
    });
    await connection.call('SET', 'large', LARGE);
    const received = async (node: RedisProcess): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await node.admin().info('stats'))?.[1]);
    const reads = async (node: RedisProcess): Promise<number> =>
      Number(/cmdstat_get:calls=(\d+)/.exec(await node.admin().info('commandstats'))?.[1] ?? 0);
    const replicas = set.redis.slice(1);
    const read = (): Promise<unknown> => connection.call('GET', 'large');
    await waitUntil('replicas serve reads', async () => {
      await read();
      const counts = await Promise.all(replicas.map(reads));
      return counts.every((count) => count > 0);
    });
    for (const proxy of proxies) proxy.add('narrow', { type: 'bandwidth', attributes: { rate: 5000 } });
    const before = await Promise.all(replicas.map(received));
    for (let i = 0; i < 4; i++) expect(await read()).toBe(LARGE);
    expect(await Promise.all(replicas.map(received))).toEqual(before);
  });
});

describe('a hang', () => {
  it('is detected in the middle of a reply', async () => {
    const { cache, events, proxy } = await narrow({ commandTimeoutMs: 5000 });
    await cache.set('large', LARGE);
    const reading = cache.lookup('large');
    await waitUntil(
      'a part of the reply has arrived',
      () => (cache.connection as { pieces?: number }).pieces !== 0,
    );
    const stoppedAt = performance.now();
    proxy.add('stopped', { type: 'timeout', attributes: { timeout: 0 } });
    await waitUntil('the hang is suspected', () => events.some(({ type }) => type === 'suspect'));
    // If the hang were not suspected, the command would end only at its deadline.
    expect(performance.now() - stoppedAt).toBeLessThan(5000);
    expect((await reading).source).toBe('memory');
  });

  it.each([1500, 3000])(
    'is suspected after a hangSuspectedMs of %i, and no earlier',
    async (hangSuspectedMs) => {
      await using redis = await RedisProcess.start({ host });
      const connection = connect({
        mode: 'standalone',
        address: redis.address,
        hangSuspectedMs,
        commandTimeoutMs: 5000,
      });
      onTestFinished(() => connection.close());
      await connection.call('SET', 'k', 1);
      redis.pause();
      const pausedAt = performance.now();
      const answer = connection.call('GET', 'k');
      await waitUntil('three quarters of hangSuspectedMs', () => {
        expect(connection.state.kind).toBe('ready');
        return performance.now() - pausedAt > hangSuspectedMs * 0.75;
      });
      redis.resume();
      // The reply arrives late, so the server was slow, not hung.
      expect(await answer).toBe('1');
      redis.pause();
      const write = connection.call('GET', 'k').catch(() => {});
      await waitUntil('the hang is suspected', () => connection.state.kind === 'suspect');
      expect(connection.state).toMatchObject({
        reason: expect.stringMatching(new RegExp(`no reply for ${String(hangSuspectedMs)[0]}[0-9]{3} ms`)),
      });
      redis.resume();
      await write;
    },
  );

  it('leaves the outcome of durable writes unknown even before it is suspected', async () => {
    await using set = await startSentinelSet({ downAfterMs: 60_000 });
    const [former, promoted] = set.redis;
    const sentinels = set.sentinels.map(({ address }) => address);
    const connection = connect({
      mode: 'sentinel',
      sentinels,
      hangSuspectedMs: 5000,
      commandTimeoutMs: 5000,
    });
    onTestFinished(() => connection.close());
    const durability = { replicas: 1, timeoutMs: 1000 };
    await connection.callDurable(durability, 'SET', 'warm', 1);
    former.pause();
    const pausedAt = performance.now();
    const write = connection.callDurable(durability, 'SET', 'k', 1).catch((error: unknown) => error);
    const plain = connection.call('SET', 'p', 1).catch((error: unknown) => error);
    await waitUntil('a silence that is long enough for a failover', () => performance.now() - pausedAt > 800);
    expect(connection.state.kind).toBe('ready');
    await promoted.admin().replicaof('NO', 'ONE');
    former.resume();
    expect(await write).toBeInstanceOf(OutcomeUnknownError);
    // The client accepts no reply from the old master to the plain write: the write succeeds only on the new master.
    const outcome = await plain;
    if (!(outcome instanceof OutcomeUnknownError)) expect(await promoted.admin().get('p')).toBe('1');
    await waitUntil('the connection has moved', () => {
      const { state } = connection;
      return state.kind === 'ready' && state.master.host === promoted.address.host;
    });
  }, 40_000);
});

/** Blocks this process. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a process that is stopped', () => {
  it('does not suspect Redis because of commands it has not sent or replies it has not read', async () => {
    const { cache, events, proxy } = await narrow({ commandTimeoutMs: 300 });
    proxy.remove('upstream');
    proxy.remove('downstream');
    for (let i = 0; i < 20; i++) await cache.set(`k${i}`, i);
    for (let round = 0; round < 3; round++) {
      const reads = Array.from({ length: 20 }, (_, i) => cache.lookup(`k${i}`));
      const writes = Array.from({ length: 20 }, (_, i) => cache.set(`w${i}`, i));
      const load = cache.getOrComputeEntry('k1', () => 'loaded');
      standStill(1200);
      expect(new Set((await Promise.all(reads)).map(({ found, source }) => `${found} ${source}`))).toEqual(
        new Set(['true redis']),
      );
      expect(new Set((await Promise.all(writes)).map(({ source }) => source))).toEqual(new Set(['redis']));
      expect((await load).source).toBe('redis');
    }
    expect(troubleEvents(events)).toEqual([]);
    expect(cache.stats()).toMatchObject({ errors: 0, breakerTransitions: 0 });
  });

  it('still detects a hang', async () => {
    const { cache, events, redis } = await narrow({ commandTimeoutMs: 300 });
    await cache.set('k', 1);
    redis.pause();
    const answers = Array.from({ length: 5 }, () => cache.lookup('k'));
    standStill(500);
    expect(new Set((await Promise.all(answers)).map(({ source }) => source))).toEqual(new Set(['memory']));
    expect(events.some(({ type }) => type === 'suspect')).toBe(true);
    redis.resume();
  });
});

describe('a limit of this process', () => {
  it('is not counted as a Redis failure when it is reached', async () => {
    const { cache, events } = await narrow({ maxInFlight: 20 });
    const writes = await Promise.all(Array.from({ length: 200 }, (_, i) => cache.set(`k${i}`, i)));
    // Writes beyond the limit stay in memory.
    expect(new Set(writes.map(({ source }) => source))).toEqual(new Set(['redis', 'memory']));
    expect(cache.stats()).toMatchObject({ errors: 0, breakerTransitions: 0 });
    expect(cache.stats().limited).toBe(writes.filter(({ source }) => source === 'memory').length);
    expect(cache.metrics()).toMatch(/^cache_redis_limited_total\{.*\} [1-9]/m);
    expect(events.some((event) => event.type === 'fallback' && /maxInFlight/.test(event.reason))).toBe(true);
  });
});
