/**
 * A process's own writes are in its first tier immediately, and are not served beyond the bound after another client
 * overwrites them. This includes two writes in the same event-loop turn of the server, which Redis reports with one
 * message.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { decodeEnvelope, encodeEnvelope } from '../../../client/envelope.ts';
import { type Cache, tieredCache } from '../../../client/index.ts';
import type { ComputeDefaults } from '../../../client/types.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { loadLibrary, recordCommands } from '../load/lease-party.ts';
import { listListenerIds, MinimalTier } from './minimal-tier.ts';

const BOUND_MS = 300;
let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
  await loadLibrary(redis);
});
afterAll(() => redis[Symbol.asyncDispose]());
beforeEach(() => redis.admin().flushall());

async function open(boundMs = BOUND_MS, compute: ComputeDefaults = {}): Promise<Cache> {
  const cache = tieredCache({
    address: redis.address,
    namespace: 'ns',
    l1: { boundMs },
    // A slow reply on a busy machine must not cause a second load.
    compute: { replyTimeoutMs: 5_000, ...compute },
  });
  onTestFinished(async () => void (await cache.close()));
  await waitUntil('the first tier serves', async () => {
    await cache.set('live', 1);
    return (await cache.getEntry('live'))?.source === 'l1';
  });
  return cache;
}
/** Value that is stored in Redis for the key. */
async function readStored(key: string): Promise<unknown> {
  const payload = await redis.admin().getBuffer(`ns:${key}`);
  const decoded = payload && decodeEnvelope(payload);
  return decoded?.ok ? decoded.value : undefined;
}
/** Waits until a read from Redis has confirmed the write; the first tier then serves the value beyond the bound. */
async function waitUntilSettled(cache: Cache, key: string): Promise<void> {
  await waitUntil('a read sends no command', async () => {
    const names = await recordCommands(redis.admin(), () => cache.get(key));
    return names.length === 0;
  });
}

describe('a value that this process has written', () => {
  it('is read without waiting for Redis, and causes a single GET', async () => {
    const cache = await open(5_000);
    const sources: (string | undefined)[] = [];
    const names = await recordCommands(redis.admin(), async () => {
      await cache.set('k', { n: 1 });
      for (let i = 0; i < 3; i++) sources.push((await cache.getEntry('k'))?.source);
      // The invalidation message may arrive after the third read.
      await waitUntil('20 reads are served from the first tier', async () => {
        sources.push((await cache.getEntry('k'))?.source);
        return cache.stats().localHits > 20;
      });
    });
    expect(new Set(sources)).toEqual(new Set(['l1']));
    expect(names.toSorted()).toEqual(['GET', 'SET']);
    expect(await cache.get('k')).toEqual({ n: 1 });
  });

  it('costs one command when it is not read', async () => {
    const cache = await open();
    const names = await recordCommands(redis.admin(), async () => {
      for (let i = 0; i < 5; i++) await cache.set(`k${i}`, i);
    });
    expect(names).toEqual(['SET', 'SET', 'SET', 'SET', 'SET']);
  });

  it('is a frozen copy of the written value, with its schema, tags and TTL', async () => {
    const cache = await open();
    const value = { list: [1] };
    await cache.set('k', value, { tags: ['t'] });
    value.list.push(2);
    expect(await cache.getEntry('k')).toEqual({ value: { list: [1] }, source: 'l1' });
    await cache.invalidateTags('t');
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('short', 1, { ttlSeconds: 0.05 });
    await waitUntil('the value expires', async () => (await cache.get('short')) === undefined);
    await cache.set('shaped', 1, { schemaId: 'a@1' });
    expect(await cache.get('shaped', { schemaId: 'a@2' })).toBeUndefined();
  });

  it.each([
    ['with leases', {}],
    ['without leases', { leaseMs: 0 }],
  ])('is also available after a load, %s', async (_, compute) => {
    const cache = await open(5_000, compute);
    const { writes } = cache.stats();
    await cache.getOrCompute('k', () => 'loaded');
    await waitUntil('the value is stored', () => cache.stats().writes > writes);
    const { localHits } = cache.stats();
    expect(await cache.getOrComputeEntry('k', () => 'again')).toEqual({ value: 'loaded', source: 'l1' });
    expect(cache.stats().localHits).toBe(localHits + 1);
    await waitUntilSettled(cache, 'k');
    await redis.admin().set('ns:k', encodeEnvelope('another'));
    await waitUntil(
      'the value of the other client is served',
      async () => (await cache.get('k')) === 'another',
    );
  });

  it('is dropped immediately when this process deletes, clears or changes it', async () => {
    const cache = await open();
    const changes: readonly (() => Promise<unknown>)[] = [
      () => cache.delete('k'),
      () => cache.clear(),
      () => cache.invalidation.pattern('k*'),
      () => cache.expire('k', 0),
    ];
    for (const change of changes) {
      await cache.set('k', 'own');
      await change();
      expect(await cache.get('k')).toBeUndefined();
      // Without an earlier read, Redis has not confirmed that the value is current.
      await cache.set('k', 'own');
      expect(await cache.get('k')).toBe('own');
      await change();
      expect(await cache.get('k')).toBeUndefined();
    }
  });

  it('is replaced by a write from any other client', async () => {
    const cache = await open(5_000);
    for (let i = 0; i < 100; i++) {
      await cache.set('k', `own ${i}`);
      if (i % 2 === 0) expect(await cache.get('k')).toBe(`own ${i}`);
      await redis.admin().set('ns:k', encodeEnvelope(`another ${i}`));
      await waitUntil(
        'the value of the other client is served',
        async () => (await cache.get('k')) === `another ${i}`,
        4_500,
      );
    }
  });

  it('is dropped within the bound if it was overwritten in the same event-loop turn of the server', async () => {
    const cache = await open();
    const observer = new MinimalTier({ mode: 'standalone', address: redis.address });
    onTestFinished(async () => void (await observer.close()));
    await observer.waitUntilLive();
    let merged = 0;
    for (let round = 0; round < 10 || merged < 4; round++) {
      const key = `k${round}`;
      const told = (): number =>
        observer.events.filter((event) => event.type === 'invalidate' && event.keys.includes(`ns:${key}`))
          .length;
      // While the server is paused, both commands arrive in its sockets, so it executes them in one event-loop turn.
      redis.pause();
      const own = cache.set(key, 'own');
      const another = new Promise<unknown>((resolve, reject) => {
        setImmediate(() => redis.admin().set(`ns:${key}`, encodeEnvelope('another')).then(resolve, reject));
      });
      await new Promise((resolve) => setTimeout(resolve, 2));
      redis.resume();
      await own;
      await another;
      const overwrittenAt = performance.now();
      await waitUntil('the message about the write', () => told() > 0);
      const winner = await readStored(key);
      if (winner === 'another' && told() === 1) merged += 1;
      // In half of the rounds, the bound has passed before the first read.
      const first = round % 2 === 0 ? 0 : BOUND_MS;
      await waitUntil('the time of the first read', () => performance.now() - overwrittenAt >= first);
      let lastAt = overwrittenAt;
      await waitUntil('the value in Redis is served', async () => {
        const at = performance.now();
        if ((await cache.get(key)) === winner) return true;
        lastAt = at;
        return false;
      });
      expect(lastAt - overwrittenAt).toBeLessThanOrEqual(BOUND_MS);
    }
    expect(merged).toBeGreaterThan(0);
  });

  it('is never served beyond the bound in hundreds of races between caches with a disconnected listener', async () => {
    const [one, two] = [await open(), await open()];
    const admin = redis.admin();
    let cuts = 0;
    const winners = new Set<string | undefined>();
    for (let race = 0; race < 300; race++) {
      const key = `race:${race % 7}`;
      const writers = [
        () => one.set(key, `one ${race}`),
        () => two.set(key, `two ${race}`),
        () => admin.set(`ns:${key}`, encodeEnvelope(`admin ${race}`)),
      ];
      const writes = [0, 1, 2].map((i) => writers[(i + race) % 3]?.());
      const reads = [one.get(key), two.get(key)];
      if (race % 5 === 0) {
        const [id] = await listListenerIds(redis);
        if (id !== undefined) cuts += Number(await admin.call('CLIENT', 'KILL', 'ID', id).catch(() => 0));
      }
      await Promise.all([...writes, ...reads]);
      const writtenAt = performance.now();
      const winner = await readStored(key);
      winners.add(String(winner).split(' ')[0]);
      for (const cache of [one, two]) {
        await waitUntil('the value in Redis is served', async () => {
          const at = performance.now();
          if ((await cache.get(key)) === winner) return true;
          expect(at - writtenAt).toBeLessThanOrEqual(BOUND_MS);
          return false;
        });
      }
    }
    expect([cuts > 0, winners.size]).toEqual([true, 3]);
  });
});
