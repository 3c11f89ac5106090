import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fallback } from '../../../client/cache/fallback.ts';
import { encodeEnvelope } from '../../../client/envelope.ts';
import {
  type Cache,
  type CacheEvent,
  memoryCache,
  NotSentError,
  OutcomeUnknownError,
  type RedisCacheOptions,
  redisCache,
} from '../../../client/index.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { startReplyPausingRelay } from '../../support/reply-pausing-relay.ts';

describe('while Redis is unreachable', () => {
  let redis: RedisProcess;
  let cache: Cache;
  let events: CacheEvent[];

  beforeEach(async () => {
    redis = await RedisProcess.start({ conf: ['appendonly yes', 'appendfsync always'] });
  });
  afterEach(async () => {
    redis.resume();
    await cache.close();
    await redis[Symbol.asyncDispose]();
  });

  async function open(options: RedisCacheOptions = {}): Promise<void> {
    cache = redisCache({ address: redis.address, namespace: 'f', commandTimeoutMs: 300, ...options });
    events = [];
    cache.on((event) => events.push(event));
    await cache.ping();
  }
  const readyAgain = (): Promise<void> =>
    waitUntil('the connection is back', () => cache.connection?.state.kind === 'ready');

  it('reads and writes are served from memory, and report memory as the source', async () => {
    await open();
    await redis.kill();
    expect(await cache.set('k', 1)).toEqual({ source: 'memory' });
    expect(await cache.getEntry('k')).toEqual({ value: 1, source: 'memory' });
    expect(await cache.getMany(['k', 'absent'])).toEqual(new Map([['k', 1]]));
    expect(await cache.getOrComputeEntry('other', () => 2)).toEqual({ value: 2, source: 'loader' });
    expect(await cache.getOrComputeEntry('other', () => 3)).toEqual({ value: 2, source: 'memory' });
    expect(cache.stats().fallbackHits).toBe(3);
    expect(await cache.lookupMany(['k', 'absent'])).toEqual(
      new Map([
        ['k', { found: true, value: 1, source: 'memory' }],
        ['absent', { found: false, source: 'memory' }],
      ]),
    );
    expect(events.some((event) => event.type === 'fallback')).toBe(true);
  });

  it('the fallback is bounded in bytes: 64 MiB by default', async () => {
    const gauge = (name: string): number =>
      Number(new RegExp(`memory_${name}\\{.*\\} (\\d+)$`, 'm').exec(cache.metrics())?.[1]);
    await open();
    await redis.kill();
    // 300 MB in total.
    for (let i = 0; i < 150; i++) await cache.getOrCompute(`k${i}`, () => Buffer.alloc(2_000_000, i));
    await waitUntil('the last value is stored', () => gauge('entries') === 33);
    expect(gauge('entries_bytes')).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(gauge('entries_bytes')).toBeGreaterThan(60 * 1024 * 1024);
    expect(await cache.getEntry('k149')).toMatchObject({
      source: 'memory',
      value: Buffer.alloc(2_000_000, 149),
    });
    expect(await cache.get('k0')).toBeUndefined();
    expect(await cache.set('huge', Buffer.alloc(70_000_000))).toEqual({ source: 'none' });
    expect(await cache.get('huge')).toBeUndefined();
  });

  it('a value that exceeds the memory bound is not stored, and the old value does not reappear', async () => {
    await open({ fallbackBytes: 10_000 });
    await cache.set('k', 'old');
    await redis.kill();
    await cache.set('k', 'new');
    expect(await cache.get('k')).toBe('new');
    expect(await cache.set('k', 'x'.repeat(20_000))).toEqual({ source: 'none' });
    expect(await cache.get('k')).toBeUndefined();
    await redis.start();
    await readyAgain();
    await waitUntil('the old value is gone in Redis', async () => {
      expect(await cache.get('k')).toBeUndefined();
      return (await redis.admin().exists('f:k')) === 0;
    });
  });

  it('a durable write is never stored in the memory fallback', async () => {
    await open();
    await redis.kill();
    await expect(cache.set('k', 1, { durability: { replicas: 1, timeoutMs: 50 } })).rejects.toThrowError(
      NotSentError,
    );
    expect(await cache.get('k')).toBeUndefined();
  });

  it('a key that was set or deleted does not return its old value', async () => {
    await open();
    for (const key of ['set', 'deleted', 'kept']) await cache.set(key, 'old');
    await redis.kill();
    await cache.set('set', 'new');
    await cache.delete('deleted');
    await redis.start();
    await readyAgain();
    // No read may return the old value, before or after the replay.
    await waitUntil('the replay is done', async () => {
      expect(await cache.get('set')).not.toBe('old');
      expect(await cache.get('deleted')).toBeUndefined();
      return (await redis.admin().exists('f:set', 'f:deleted')) === 0;
    });
    expect(await cache.getEntry('kept')).toEqual({ value: 'old', source: 'redis' });
    await waitUntil('the memory fallback is empty', () => /memory_entries\{.*\} 0$/m.test(cache.metrics()));
  });

  it('a later store that also fails does not restore the old value', async () => {
    await open({ fallbackEntries: 10 });
    for (const key of ['computed', 'durable']) await cache.set(key, 'old');
    await redis.kill();
    await cache.delete('computed');
    expect(await cache.getOrCompute('computed', () => 'new')).toBe('new');
    await waitUntil('the value is stored in memory', async () => (await cache.get('computed')) === 'new');
    await cache.set('durable', 'new');
    const durability = { replicas: 1, timeoutMs: 50 };
    await expect(cache.set('durable', 'newer', { durability })).rejects.toThrowError(NotSentError);
    await redis.start();
    await readyAgain();
    for (const key of ['computed', 'durable']) expect(await cache.get(key)).not.toBe('old');
    await waitUntil('the replay is done', async () => {
      await cache.get('any');
      return (await redis.admin().exists('f:computed', 'f:durable')) === 0;
    });
  });

  it('a write after recovery is not undone by the replay', async () => {
    await open();
    await redis.kill();
    for (let i = 0; i < 20; i++) void cache.set(`k${i}`, 'memory');
    await waitUntil('all values are in memory', () => /memory_entries\{.*\} 20$/m.test(cache.metrics()));
    await redis.start();
    await readyAgain();
    await waitUntil('Redis accepts writes', async () => {
      const receipts = await Promise.all(Array.from({ length: 20 }, (_, i) => cache.set(`k${i}`, 'redis')));
      return receipts.every(({ source }) => source === 'redis');
    });
    await waitUntil('the memory fallback is empty', () => /memory_entries\{.*\} 0$/m.test(cache.metrics()));
    expect((await cache.getMany(Array.from({ length: 20 }, (_, i) => `k${i}`))).size).toBe(20);
  });

  it('the breaker opens after five failures, and recovery needs no restart', async () => {
    await open({ commandTimeoutMs: 5000 });
    await redis.kill();
    await Promise.all(Array.from({ length: 5 }, (_, i) => cache.set(`k${i}`, 1)));
    expect(cache.stats().breaker.kind).toBe('open');
    const startedAt = performance.now();
    expect(await cache.getOrCompute('quick', () => 'answer')).toBe('answer');
    expect(performance.now() - startedAt).toBeLessThan(2500);
    await redis.start();
    await waitUntil('a write reaches Redis', async () => (await cache.set('w', 1)).source === 'redis');
    expect(cache.stats().breaker.kind).toBe('closed');
    const moves = events.flatMap((event) => (event.type === 'breaker' ? [event.to] : []));
    expect([moves[0], moves.at(-2), moves.at(-1)]).toEqual(['open', 'half-open', 'closed']);
  });

  it('a hung Redis delays readers only until the client suspects the hang', async () => {
    await open({ commandTimeoutMs: 3000 });
    await cache.set('k', 'in Redis');
    redis.pause();
    const startedAt = performance.now();
    expect(await cache.getOrCompute('k', () => 'computed')).toBe('computed');
    expect(performance.now() - startedAt).toBeLessThan(1500);
    redis.resume();
    await readyAgain();
    expect(await cache.get('k')).toBeDefined();
  });

  it('without a fallback the caller gets the error, but getOrCompute still returns a value', async () => {
    await open({ fallbackEntries: 0 });
    await redis.kill();
    await expect(cache.get('k')).rejects.toThrowError(NotSentError);
    await expect(cache.set('k', 1)).rejects.toThrowError(NotSentError);
    await expect(cache.delete('k')).rejects.toThrowError(NotSentError);
    expect(await cache.getOrCompute('k', () => 5)).toBe(5);
    await expect(cache.clear()).rejects.toThrowError();
    await expect(cache.ping()).rejects.toThrowError(NotSentError);
  });

  it('close rejects pending changes to which Redis has not replied', async () => {
    await open();
    await cache.set('k', 1);
    redis.pause();
    const asked = [cache.set('k', 2), cache.delete('other'), cache.invalidateTags('t'), cache.expire('k', 9)];
    await cache.close();
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  });

  it('close first deletes pending keys in Redis, if Redis becomes reachable in time', async () => {
    await open();
    for (const key of ['set', 'deleted', 'kept']) await cache.set(key, 'old');
    await redis.kill();
    await cache.set('set', 'new');
    await cache.delete('deleted');
    await cache.invalidateTags('t');
    const closing = cache.close();
    await redis.start();
    expect(await closing).toEqual({ replayed: 3, lost: [] });
    expect(await redis.admin().exists('f:set', 'f:deleted')).toBe(0);
    expect(await redis.admin().exists('f:kept')).toBe(1);
    expect(events.map(({ type }) => type)).not.toContain('deletions-lost');
  });

  it('close reports lost deletions in its result and in an event', async () => {
    await open();
    for (const key of ['set', 'deleted']) await cache.set(key, 'old');
    await redis.kill();
    await cache.set('set', 'new');
    await cache.delete('deleted');
    const startedAt = performance.now();
    const report = await cache.close();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(report).toEqual({ replayed: 0, lost: ['f:set', 'f:deleted'] });
    expect(await cache.close()).toBe(report);
    expect(events.filter(({ type }) => type === 'deletions-lost')).toMatchObject([{ keys: report.lost }]);
  });

  it('close returns immediately when nothing is pending, whether Redis is reachable or not', async () => {
    await open();
    await redis.kill();
    await cache.get('k');
    const startedAt = performance.now();
    expect(await cache.close()).toEqual({ replayed: 0, lost: [] });
    expect(performance.now() - startedAt).toBeLessThan(4000);
    const memory = memoryCache();
    await memory.set('k', 1);
    await memory.delete('k');
    expect(await memory.close()).toEqual({ replayed: 0, lost: [] });
  });

  it.each(['delete', 'set'] as const)(
    'a %s without a reply does not undo a later durable write',
    async (operation) => {
      await using relay = await startReplyPausingRelay(redis.address);
      const durability = { replicas: 1, timeoutMs: 1000 };
      const { host, port } = redis.address;
      await using _replica = await RedisProcess.start({ host, conf: [`replicaof ${host} ${port}`] });
      // 600 ms without a reply is below the hang threshold, so the connection stays open.
      await open({ address: relay.address, commandTimeoutMs: 600, hangSuspectedMs: 5000 });
      await waitUntil('a replica confirms', () =>
        cache.set('k', 'old', { durability }).then(
          () => true,
          () => false,
        ),
      );
      // The first connection carries everything except durable writes.
      relay.pauseReplies(0);
      const failing = operation === 'delete' ? cache.delete('k') : cache.set('k', 'older');
      const unanswered = failing.then((result) => result);
      await cache.set('k', 'confirmed', { durability });
      await unanswered;
      expect(events.some((event) => event.type === 'fallback' && event.operation === operation)).toBe(true);
      relay.resumeReplies(0);
      await waitUntil('Redis replies', async () => (await cache.lookup('k')).source === 'redis');
      expect(await cache.get('k')).toBe('confirmed');
      expect(await redis.admin().exists('f:k')).toBe(1);
      await cache.close();
    },
  );

  it('a write without a reply is not repeated: its outcome is unknown', async () => {
    await open({ fallbackEntries: 0 });
    redis.pause();
    const write = cache.connection?.call('APPEND', 'f:log', 'once,');
    await expect(write).rejects.toThrowError(OutcomeUnknownError);
    redis.resume();
    await readyAgain();
    await waitUntil('Redis has caught up', async () => (await redis.admin().exists('f:log')) === 1);
    expect(await redis.admin().get('f:log')).toBe('once,');
  });

  it('a poisoned entry in memory is a miss', async () => {
    await open();
    await redis.admin().set('f:k', encodeEnvelope(1).subarray(0, 12));
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('pending deletions', () => {
  it('are bounded in number: a deletion beyond the bound fails', () => {
    const fallback = new Fallback(1, () => Promise.resolve());
    const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`);
    fallback.remember(keys);
    expect(() => fallback.remember(['k1'])).not.toThrow();
    expect(() => fallback.remember(['one more'])).toThrowError(NotSentError);
  });

  it('do not wait for an unreachable shard of a cluster; only the entries of that shard stay pending', async () => {
    const away = new Set(['a1', 'a2']);
    const calls: (readonly string[])[] = [];
    const fallback = new Fallback(
      10,
      async (keys) => void calls.push(keys),
      (key) => !away.has(key),
    );
    fallback.memory.set('a1', Buffer.from('x'), null);
    fallback.memory.set('b1', Buffer.from('x'), null);
    fallback.remember(['a2', 'b2']);
    fallback.recover();
    await waitUntil('the other shard has its deletion', () => !fallback.isDirty('b2'));
    expect([fallback.isDirty('a2'), calls]).toEqual([true, [['b2']]]);
    expect([fallback.memory.get('a1')?.toString(), fallback.memory.size]).toEqual(['x', 1]);
    away.clear();
    fallback.journal.noticed({ type: 'ready', master: { host: '127.0.0.1', port: 1 }, outageMs: 1 });
    await waitUntil('all deletions are settled', () => {
      fallback.recover();
      return !fallback.pending;
    });
    expect(calls).toEqual([['b2'], ['a2']]);
    fallback.stop();
  });

  it('are retried until Redis accepts them, but an older replay does not settle them', async () => {
    const calls: (readonly string[])[] = [];
    const fallback = new Fallback(10, async (keys) => {
      calls.push(keys);
      if (calls.length === 1) throw new Error('Redis is unreachable again');
      if (calls.length === 2) fallback.remember(['a']);
    });
    fallback.remember(['a', 'b']);
    fallback.recover();
    await waitUntil('all deletions are settled', () => !fallback.pending);
    expect(calls).toEqual([['a', 'b'], ['a', 'b'], ['a']]);
    fallback.stop();
  });
});
